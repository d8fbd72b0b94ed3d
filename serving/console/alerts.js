// The panel of alerts: what moved, in which segment and window, who looks after it, and all that
// was said of it. Those of another segment than the one looked at stand last, and are marked.

import { h, moment } from "/console/draw.js";
import { segmentIn } from "/console/question.js";

const same = (one, other) => JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
const isDone = (alert) => alert.acknowledgements.length > 0;

// `acknowledge(event, id)` is called with a form that is sent; without it nobody may acknowledge.
export function alertsPanel({ alerts, segment, words, language, button, acknowledge }) {
  const [title, soft] = words.panel.alerts;
  const isOther = (alert) => !same(alert.segment, segment);
  const sorted = [...alerts].sort((a, b) => isOther(a) - isOther(b) || isDone(a) - isDone(b));
  const shown = sorted.map((one) => alertOf(one, isOther(one), { words, language, acknowledge }));
  return h("section", { class: "card panel broad", id: "panel-alerts" },
    h("h2", {}, title, h("small", {}, soft), button),
    alerts.length ? shown : h("p", { class: "soft" }, words.noAlerts),
    alerts.length && !acknowledge ? h("p", { class: "soft small" }, words.mayNot) : null);
}

function alertOf(one, other, { words, language, acknowledge }) {
  const done = isDone(one);
  const facts = [
    moment(one.raised_at),
    `v${one.version}`,
    `${words.segment} ${segmentIn(one.segment, words)}`,
    one.window.length ? `${words.windowOf} ${one.window.map(moment).join(" – ")}` : null,
    `${words.owner} ${one.owner}`,
    done ? null : words.open,
  ];
  return h("div", { class: `alert ${done ? "done" : "open"}${other ? " other" : ""}` },
    h("span", { class: `lamp ${done ? "" : one.colour}` }),
    h("p", {}, one[language], other ? h("span", { class: "mark" }, words.otherSegment) : null),
    h("div", { class: "soft small" }, facts.filter(Boolean).join(" · ")),
    one.acknowledgements.map((said) => saidOf(said, words)),
    done || !acknowledge ? null : formOf(one, words, acknowledge));
}

function saidOf(said, words) {
  const handed = said.owner ? ` · ${words.handedTo} ${said.owner}` : "";
  return h("div", { class: "small said" }, h("span", { class: "soft" }, words.acknowledged(said.by, moment(said.at)), handed), h("p", {}, said.note));
}

function formOf(one, words, acknowledge) {
  return h("div", {}, h("form", { onsubmit: (event) => acknowledge(event, one.id) },
    h("input", { name: "note", required: true, maxlength: 2000, placeholder: words.note, "aria-label": words.note }),
    h("input", { name: "owner", maxlength: 64, placeholder: words.newOwner, "aria-label": words.newOwner }),
    h("button", { class: "quiet", type: "submit" }, words.acknowledge)));
}
