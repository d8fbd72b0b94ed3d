// Pieces of the quality page from plain values: a finding in the list, one among what was said
// around it, a case of the guards. Whatever was said comes masked.

import { h, moment } from "/console/draw.js";

const when = (at) => moment(at).slice(0, 16);

const marked = ([before, span, after]) => [before, span ? h("mark", {}, span) : null, after];

const severity = (one, t) => h("span", { class: `severity ${one.severity}` }, t.severities[one.severity] ?? one.severity);

// What a rule is called in the language of the page.
export const ruleName = (rule, names, language) => names.find((one) => one.rule === rule)?.[language] ?? rule;

const about = (one, t) => [one.agent, t.scenario[one.scenario], t.origins[one.origin], when(one.at)].join(" · ");

export const line = (one, name, chosen, pick, t) =>
  h("li", {},
    h("button", { type: "button", "data-id": one.id, "aria-current": one.id === chosen ? "true" : null, onclick: () => pick(one.id) },
      h("p", {}, severity(one, t), ` ${name} `, h("span", { class: "soft small" }, one.state === "open" ? "" : `${t.states[one.state]} · ${one.by}`)),
      h("p", {}, marked(one.words)),
      h("p", { class: "soft small" }, about(one, t))));

export function context({ finding, name, rewrite, note, turns }, language, t) {
  const said = (one) =>
    h("li", { class: one.here ? "here" : null },
      one.here ? marked(finding.words) : one.text, h("time", { datetime: one.at }, `${t.who[one.who]} · ${when(one.at)}`));
  const judged = finding.state === "open" ? null
    : h("p", { class: "small" }, [t.states[finding.state], finding.by, when(finding.judged_at), note].filter(Boolean).join(" · "));
  return [
    h("p", {}, severity(finding, t), ` ${name[language]} `, h("code", {}, finding.rule), h("span", { class: "soft small" }, ` · ${t.finders[finding.finder] ?? finding.finder}`)),
    h("p", { class: "soft small" }, about(finding, t)),
    h("ol", { class: "turns" }, turns.map(said)),
    rewrite ? h("p", { class: "small" }, `${t.instead}${rewrite}`) : null,
    judged,
  ].filter(Boolean);
}

export function caseRows({ cases, more, rules }, language, t) {
  if (!cases.length) return h("p", { class: "soft" }, t.noCases);
  const row = (one) =>
    h("tr", { "data-id": one.id },
      h("td", {}, ruleName(one.rule, rules, language)),
      h("td", {}, one.before ? h("span", { class: "soft" }, `${one.before} ⟶ `) : null, one.text),
      h("td", {}, one.by), h("td", {}, when(one.at)), h("td", {}, one.told ? t.stillTold : t.letPass));
  return [
    h("table", {},
      h("thead", {}, h("tr", {}, t.caseColumns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, cases.map(row))),
    more ? h("p", { class: "soft small" }, t.moreCases(cases.length)) : null,
  ].filter(Boolean);
}
