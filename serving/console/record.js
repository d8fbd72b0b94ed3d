// The record of a past decision: what it rested on, and whether it comes out the same again.

import { decimal, divergingBar, duration, facts, h, headline, moment, policyFacts, reasonList } from "/console/draw.js";

const FIRST = 12;

export function record(told, t, language) {
  return [
    verdictCard(told, t),
    h("div", { class: "halves" }, factsCard(told, t, language), applicationCard(told, t)),
    h(
      "section",
      { class: "card" },
      h("h2", {}, t.reasons, h("small", {}, t.reasonsSoft)),
      reasonList(told.reasons, t, language),
    ),
    featuresCard(told, t),
    h("div", { class: "halves" }, viewsCard(told, t), digestsCard(told, t)),
  ];
}

function verdictCard(told, t) {
  const { same, checks } = told.replay;
  const word = (one) => (one ? "same" : "differs");
  return h(
    "section",
    { class: "card" },
    h("h1", {}, t.recordTitle, h("code", {}, told.decision_id)),
    headline(told, t),
    h("p", { class: `replay ${word(same)}` }, same ? t.replaySame : t.replayDiffers),
    h("ul", { class: "checks" }, checks.map((check) => h("li", { class: word(check.same) }, check.name))),
  );
}

function factsCard(told, t, language) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t.facts),
    facts([
      [t.decidedBy, modelWords(told.model, t)],
      [t.service, told.service, true],
      [t.decidedAt, moment(told.at)],
      [t.actor, `${told.actor} (${told.actor_roles.join(", ")})`],
      [t.points, decimal(told.points)],
      [t.pd, decimal(told.probability_of_default)],
      [t.rawScore, decimal(told.raw_score)],
      [t.base, decimal(told.base)],
    ]),
    policyFacts(told.policy, t, language),
  );
}

function modelWords(model, t) {
  return model ? `${model.name} v${model.version}${model.demo ? ` · ${t.demoMark}` : ""}` : t.noModel;
}

function applicationCard(told, t) {
  const rows = Object.entries(told.application ?? {}).filter(([, value]) => value !== null);
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t.application),
    told.application
      ? facts(rows.map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : `${value}`, true]))
      : h("p", { class: "soft" }, t[told.personal_data]),
  );
}

function featuresCard(told, t) {
  const sorted = [...told.features].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const most = Math.abs(sorted[0]?.contribution ?? 0);
  const rest = sorted.slice(FIRST);
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t.features, h("small", {}, t.featuresSoft)),
    featureTable(sorted.slice(0, FIRST), most, t),
    rest.length ? h("details", {}, h("summary", {}, t.more(rest.length)), featureTable(rest, most, t)) : null,
  );
}

function featureTable(features, most, t) {
  const head = [t.feature, t.value, t.contribution, ""];
  return h(
    "table",
    { class: "features" },
    h("thead", {}, h("tr", {}, head.map((word) => h("th", {}, word)))),
    h(
      "tbody",
      {},
      features.map((one) =>
        h(
          "tr",
          {},
          h("td", {}, h("span", { class: "mono" }, one.name), h("span", { class: "soft small view" }, one.view)),
          h("td", { class: "number" }, decimal(one.value)),
          h("td", { class: "number" }, one.contribution === null ? "—" : one.contribution.toFixed(4)),
          h("td", { class: "drawn" }, divergingBar(one.contribution, most)),
        ),
      ),
    ),
  );
}

function viewsCard(told, t) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t.ages),
    h(
      "table",
      {},
      h(
        "tbody",
        {},
        told.views.map((view) =>
          h(
            "tr",
            {},
            h("td", { class: "mono" }, view.name),
            h("td", { class: `state ${view.state}` }, t[view.state]),
            h("td", { class: "number" }, duration(view.age_s, t)),
            h("td", { class: "soft small" }, view.offset === null ? t.batch : `${t.offset} ${view.offset}`),
          ),
        ),
      ),
    ),
  );
}

function digestsCard(told, t) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t.digests),
    facts(
      Object.entries(told.digests).map(([name, digest]) => [
        name,
        h("span", { title: digest }, digest.slice(0, 32)),
        true,
      ]),
    ),
  );
}
