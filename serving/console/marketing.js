// The marketing page: a campaign's plan, what it did against its holdout, and how it is paced now.
// The campaign and the plan stand in the address, so that a link shows the same.

import { useCharts } from "/console/charts.js";
import { fill, h, moment } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { money, MARKETING, percent, ruleName } from "/console/marketing_words.js";
import { PANELS } from "/console/marketing_panels.js";
import { sheet } from "/console/sheets.js";
import { WORDS } from "/console/words.js";

const state = { choices: null, shown: null, turn: 0 };
const t = () => ({ ...WORDS[frame.language], ...MARKETING[frame.language] });

// --- the question --------------------------------------------------------------------------------

const fromAddress = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const option = (value, text, chosen) => h("option", { value, selected: `${value}` === `${chosen}` }, text);

function asked() {
  const { campaign, plan } = fromAddress();
  const known = state.choices.campaigns.find((one) => one.campaign === campaign) ?? state.choices.campaigns[0];
  const number = known.plans.find((one) => `${one.number}` === plan) ?? known.plans[0];
  return { campaign: known.campaign, plan: number.number };
}

function showQuestion() {
  const now = asked();
  const known = state.choices.campaigns.find((one) => one.campaign === now.campaign);
  fill($("campaign"), state.choices.campaigns.map((one) => option(one.campaign, one.campaign, now.campaign)));
  fill($("plan"), known.plans.map((one) => option(one.number, `${one.number} · ${moment(one.made_at).slice(0, 10)}`, now.plan)));
}

async function begin() {
  try {
    state.choices = await ask("GET", "/campaigns/choices");
  } catch (error) {
    return say($("problem"), error);
  }
  useCharts(state.choices.charts);
  if (!state.choices.campaigns.length) {
    $("question").hidden = true;
    return fill($("verdict"), h("p", { class: "nothing", id: "none" }, t().noCampaign));
  }
  await look();
}

async function look() {
  const turn = ++state.turn;
  let problem = null;
  let shown = null;
  try {
    shown = await ask("POST", "/campaigns", asked());
  } catch (error) {
    problem = error;
  }
  if (turn !== state.turn) return;
  state.shown = shown;
  say($("problem"), problem);
  if (shown) return showAll();
  fill($("verdict"));
  fill($("panels"));
}

// --- what is shown -------------------------------------------------------------------------------

function showAll() {
  const words = t();
  $("question").hidden = false;
  showQuestion();
  showVerdict(words);
  const context = { shown: state.shown, t: words, rule: (name) => ruleName(name, words) };
  fill($("panels"), PANELS.map((panel) => panelOf(panel, context)));
}

function showVerdict(words) {
  const { plan, summary, report, purpose, starts, ends, models, elapsed, response } = state.shown;
  const figure = (value, name, id) => h("div", { class: "figure small", id }, h("b", {}, value), h("span", {}, name));
  const learnt = models.filter((one) => one.observational).map((one) => one.name);
  const lift = report ? `${signed(report.lift.lift)}` : "—";
  fill($("verdict"),
    h("h1", {}, asked().campaign, h("span", { class: "version" }, plan.policy_version), h("span", { class: "soft small" }, `${starts} – ${ends}`)),
    h("p", {}, purpose[frame.language]),
    h("div", { class: "measures" },
      figure(plan.contacts.toLocaleString("en-US"), words.contacts),
      figure(money(summary.expected_gain_minor), words.expectedGain),
      figure(ppm(summary.gap_to_bound), words.gap),
      figure(percent(elapsed), words.elapsed),
      figure(lift, report ? words.liftOf(signed(report.lift.low), signed(report.lift.high)) : words.holdoutLift, "lift"),
      figure(report ? report.matured.toLocaleString("en-US") : "—", words.matured)),
    h("p", { class: "soft small" }, `${words.madeBy(plan.made_by, moment(plan.made_at))} · ${models.map((one) => `${one.name} v${one.version}`).join(" · ")}`),
    learnt.length ? h("p", { class: "warning", id: "observational" }, words.observational(learnt.join(" · "))) : null,
    report
      ? h("p", { class: "soft small", id: "reported" }, words.reported(moment(report.made_at), words.topics[response.event] ?? response.event, response.within_days, report.not_matured))
      : h("p", { class: "warning", id: "unreported" }, words.unreported(asked().campaign)));
}

const ppm = (part) => `${Number((1e6 * part).toPrecision(2)).toLocaleString("en-US")} ppm`;
const signed = (share) => `${share >= 0 ? "+" : "−"}${percent(Math.abs(share))}`;

function panelOf({ key, broad, needs, chart, table }, context) {
  const { t: words, shown } = context;
  const [title, soft] = words.panel[key];
  const content = needs && !shown.report ? h("p", { class: "nothing" }, words.notReported) : chart(context);
  const figures = table && (!needs || shown.report) ? table(context) : null;
  return h("section", { class: `card panel${broad ? " broad" : ""}`, id: `panel-${key}` },
    h("h2", {}, title, h("small", {}, soft)),
    [content].flat(),
    figures?.rows.length ? h("details", {}, h("summary", {}, words.figures), sheet({ panel: key, ...figures }, { t: words, language: frame.language, pointOf: () => null, drill: () => {} })) : null);
}

// --- events --------------------------------------------------------------------------------------

let shownTo = null;

function show() {
  const person = frame.status?.person?.name ?? null;
  $("watch").hidden = !person;
  if (!person) return;
  if (person !== shownTo) {
    shownTo = person;
    begin();
  } else if (state.shown) showAll();
}

function forget() {
  Object.assign(state, { choices: null, shown: null, turn: state.turn + 1 });
  shownTo = null;
  fill($("verdict"));
  fill($("panels"));
}

$("question").addEventListener("change", (event) => {
  const told = { campaign: $("campaign").value };
  if (event.target.id === "plan") told.plan = $("plan").value;
  location.hash = new URLSearchParams(told);
});
window.addEventListener("hashchange", () => state.choices?.campaigns.length && look());
start({ words: t, show, forget });
