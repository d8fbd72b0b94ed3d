// The quality page: what the guards found in agents' messages, one among what was said around it, a
// supervisor's verdict, and the cases of the guards that false alarms become.

import { fill, h } from "/console/draw.js";
import { $, ASSISTANT, ask, download, frame, say, start } from "/console/frame.js";
import { caseRows, context, line, ruleName } from "/console/quality_panels.js";
import { QUALITY } from "/console/quality_words.js";
import { WORDS } from "/console/words.js";

const EVERY_MS = 15_000;
const PIECE = 30;
const MOST = 200;
const STATES = ["open", "confirmed", "false_alarm"];
const NOBODY = { told: null, cases: null, chosen: "", one: null };
const state = { sought: { state: "open", rule: "", agent: "", scenario: "" }, most: PIECE, ruling: false, ...NOBODY };
const t = () => ({ ...WORDS[frame.language], ...QUALITY[frame.language] });
const is = (role) => frame.status?.person?.roles.includes(role);
const reads = () => is("supervisor") || is("script_editor") || is("engineer");

async function look() {
  if (document.hidden || !reads()) return;
  const mine = frame.status.person.name;
  const asked = JSON.stringify([state.sought, state.most]);
  try {
    const told = is("supervisor") ? await ask("POST", "/findings", { ...state.sought, most: state.most }) : null;
    const cases = await ask("GET", "/guards/cases");
    if (frame.status?.person?.name !== mine || asked !== JSON.stringify([state.sought, state.most])) return;
    Object.assign(state, { told, cases });
    showLists();
    say($("problem"), null);
  } catch (error) {
    say($("problem"), error);
  }
}

async function pick(id) {
  Object.assign(state, { chosen: id, one: null });
  $("ruling").reset();
  showLists();
  showOne();
  try {
    const one = await ask("GET", `/findings/${encodeURIComponent(id)}`);
    if (state.chosen !== id) return;
    state.one = one;
    showOne();
  } catch (error) {
    say($("problem"), error);
  }
}

// What is judged is taken before anything is waited for: whoever turns to another meanwhile has
// judged the first.
async function judge(ruling) {
  const id = state.chosen;
  if (!id || state.ruling) return;
  state.ruling = true;
  showOne();
  try {
    const told = await ask("POST", `/findings/${encodeURIComponent(id)}/ruling`, { ruling, note: $("note").value.trim() });
    tell(ruling === "confirmed" ? t().confirmed : told.case ? t().isCase : t().noCase);
    if (state.chosen === id) {
      Object.assign(state, { chosen: "", one: null });
      $("ruling").reset();
    }
    await look();
  } catch (error) {
    say($("problem"), error);
  } finally {
    state.ruling = false;
    showOne();
  }
}

async function takeAway(form) {
  try {
    await download("/findings/export", { ...state.sought, form }, `${t().file}.${form}`);
    say($("problem"), null);
  } catch (error) {
    say($("problem"), error);
  }
}

function seek() {
  for (const name of Object.keys(state.sought)) state.sought[name] = $(name).value;
  Object.assign(state, { most: PIECE, chosen: "", one: null });
  tell("");
  showOne();
  look();
}

function tell(words) {
  $("done").hidden = !words;
  $("done").textContent = words;
}

// --- showing -------------------------------------------------------------------------------------

function showChoices() {
  const option = (name) => ([value, text]) => h("option", { value, selected: state.sought[name] === value }, text);
  const known = state.told ?? { rules: [], agents: [], scenarios: [] };
  const choices = {
    state: STATES.map((one) => [one, t().states[one]]),
    rule: known.rules.map((one) => [one.rule, one[frame.language]]),
    agent: known.agents.map((one) => [one, one]),
    scenario: known.scenarios.map((one) => [one, t().scenario[one]]),
  };
  for (const [name, rows] of Object.entries(choices)) {
    fill($(name), [["", t().every], ...rows].map(option(name)));
  }
}

function showLists() {
  const { told, cases } = state;
  if (document.activeElement?.form !== $("sought")) showChoices(); // an open list stays open
  $("share").textContent = told ? t().share(told.examined, told.hit) : "";
  const found = told?.findings ?? [];
  const rows = found.map((one) => line(one, ruleName(one.rule, told.rules, frame.language), state.chosen, pick, t()));
  fill($("findings"), rows.length ? rows : h("li", { class: "soft" }, told ? t().noFindings : ""));
  $("more").hidden = !told?.more || state.most >= MOST;
  fill($("case-rows"), cases ? caseRows(cases, frame.language, t()) : []);
}

function showOne() {
  const { one } = state;
  fill($("one-body"), one ? context(one, frame.language, t()) : h("p", { class: "soft" }, t().pick));
  $("ruling").hidden = !one;
  for (const id of ["confirm", "false-alarm"]) $(id).disabled = state.ruling;
}

function show() {
  const person = frame.status?.person;
  $("quality").hidden = !is("supervisor");
  $("cases").hidden = !reads();
  $("nothing").hidden = !person || reads();
  showChoices();
  showLists();
  showOne();
  if (person && !state.cases) look();
}

function forget() {
  Object.assign(state, NOBODY);
  $("ruling").reset();
  tell("");
  showLists();
  showOne();
}

$("sought").addEventListener("change", seek);
$("sought").addEventListener("submit", (event) => event.preventDefault());
$("ruling").addEventListener("submit", (event) => event.preventDefault());
$("confirm").addEventListener("click", () => judge("confirmed"));
$("false-alarm").addEventListener("click", () => judge("false_alarm"));
$("as-csv").addEventListener("click", () => takeAway("csv"));
$("as-xlsx").addEventListener("click", () => takeAway("xlsx"));
$("more").addEventListener("click", () => {
  state.most = Math.min(state.most + PIECE, MOST);
  look();
});
setInterval(look, EVERY_MS);
start({ pages: ASSISTANT, words: t, show, forget });
