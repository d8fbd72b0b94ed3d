// Pieces of the agent's page from plain values: a line, a message, a suggestion with its sources, what
// is recalled, a customer's facts, what suggestions were worth.

import { fill, h, moment, percent } from "/console/draw.js";

export function line(one, chosen, pick, t) {
  const waiting = one.last_who === "customer";
  return h("li", { class: waiting ? "waiting" : null },
    h("button", { type: "button", "aria-current": one.id === chosen ? "true" : null, onclick: () => pick(one.id) },
      h("b", {}, one.customer), h("span", { class: "soft small" }, ` ${t.scenario[one.scenario]} · ${t.identity[one.identity]}`),
      h("p", { class: "soft small" }, one.last_words)));
}

export const message = (one, t) =>
  h("li", { class: one.who === "agent" ? "agent-said" : one.who },
    one.text, h("time", { datetime: one.at }, `${t.who[one.who]} · ${moment(one.at).slice(5, 16)}`));

// A sentence shows where it comes from when pointed at; a number its ledger field or its formula.
function sentence(one, t) {
  const pieces = [];
  let at = 0;
  for (const number of [...(one.numbers ?? [])].sort((a, b) => a.start - b.start)) {
    pieces.push(one.text.slice(at, number.start));
    pieces.push(h("mark", { title: `${number.slot}: ${number.source}` }, one.text.slice(number.start, number.end)));
    at = number.end;
  }
  pieces.push(one.text.slice(at));
  const { home, id, version } = one.origin;
  return h("span", { title: `${t.homes[home]} ${id}${version ? ` v${version}` : ""}` }, pieces);
}

export function suggestion(one, place, take, t) {
  const source = one.kind === "generated" ? t.generated : t.script(one.script, one.version);
  const score = one.score === null || one.score === undefined ? "" : ` · ${percent(one.score)}`;
  return h("li", { "data-place": place, class: one.writing ? "writing" : null },
    h("p", { class: "soft small" },
      h("span", { class: "key" }, place <= 3 ? `Alt+${place}` : t.verification), `${source}${score}`),
    h("p", { class: "said", role: "button", tabindex: "0", onclick: () => take(place), onkeydown: (event) => event.key === "Enter" && take(place) },
      one.sentences.map((part) => sentence(part, t))),
    (one.recalled ?? []).map((kept) => h("p", { class: "soft small" }, `↩ ${kept}`)));
}

// What of turns that are long past is worth remembering, with the turn that it was said in.
export const recalled = (every, t) => every.map((one) => h("li", {}, t.recalled(one.turn, one.text)));

export function facts(view, language, t) {
  if (!view.facts.length) return h("p", { class: "soft" }, t.noFacts);
  const rows = view.facts.map((one) => [
    h("dt", { title: one.source }, language === "zh" ? one.chinese : one.english), h("dd", {}, one.value)]);
  const warning = view.identity === "verified" ? null : h("p", { class: "stale" }, t.unverified);
  return [warning, h("dl", { class: "facts" }, rows)].filter(Boolean);
}

// What other systems think of the customer, as far as this role may see it: nothing is made up.
export function hints(view, language, t) {
  if (!view.hints.length) return h("p", { class: "soft" }, t.noHints);
  return h("ul", { class: "hints" }, view.hints.map((one) =>
    h("li", { title: one.source }, `${t.hintKinds[one.kind]} · ${language === "zh" ? one.chinese : one.english}`,
      h("span", { class: "soft small" }, ` ${moment(one.at).slice(0, 16)}`))));
}

// The accepted share stands with its interval: two writers differ where theirs lie apart.
export function worth(groups, t, by) {
  if (!groups.length) return h("p", { class: "soft" }, t.noWorth);
  const share = (one) => one.judged ? `${percent(one.accepted / one.judged)} (${percent(one.accepted_low)}–${percent(one.accepted_high)})` : "—";
  const row = (one) => [
    named(one.group, t, by), one.shown, one.judged, one.accepted, share(one), one.edited, one.rejected,
    one.edits === null ? "—" : one.edits.toFixed(1), percent(one.characters_saved),
    one.seconds === null ? "—" : t.seconds(one.seconds), one.violations];
  return h("table", { class: "worth" },
    h("thead", {}, h("tr", {}, t.columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, groups.map((one) => h("tr", {}, row(one).map((value) => h("td", {}, `${value}`))))));
}

// How long customers waited and were attended to, beside how long agents drafted.
export function handling({ by, groups, left }, t) {
  if (by === "adapter" || by === "writer") return h("p", { class: "soft" }, t.notHandledBy);
  const counting = left ? h("p", { class: "soft small" }, t.counting(left)) : null;
  if (!groups.length) return [h("p", { class: "soft" }, t.noHandled), counting];
  const long = (value) => (value === null ? "—" : value < 90 ? t.seconds(value) : t.minutes(Math.round(value / 60)));
  const share = (one, { known, resolved }) => known ? `${percent(resolved / known)} (${percent(one.resolved_low)}–${percent(one.resolved_high)})` : "—";
  const row = (one) => {
    const told = one.handling;
    return [
      named(one.group, t, by), told.contacts, told.unanswered, long(told.response_median_s), long(told.response_p90_s),
      long(told.handled_median_s), long(told.handled_p90_s), share(one, told), told.known, long(one.drafting_s)];
  };
  return [
    h("table", { class: "worth" },
      h("thead", {}, h("tr", {}, t.columnsHandled.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, groups.map((one) => h("tr", {}, row(one).map((value) => h("td", {}, `${value}`)))))),
    counting];
}

// What a group is called: spans of tenure and scenarios in words, a writer as settings name it.
function named(group, t, by) {
  if (by === "writer" || by === "adapter") return group || t.scriptsAlone;
  const known = { ...t.tenures, ...t.scenario };
  return group.split(" · ").map((part) => (by === "agent" ? part : known[part] ?? part)).join(" · ");
}

export const hits = (place, found, t) => {
  place.hidden = !found.length;
  fill(place, found.map((one) => h("li", {}, t.held[one.rule]?.(one.until && moment(one.until).slice(5, 16)) ?? t.hit(one.rule, one.rewrite))));
};
