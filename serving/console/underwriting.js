// The page of cases: a queue, one case with all that its decision rested on, and the verdict on it.
// What somebody wrote stays until it is sent, also where the key ends meanwhile: whoever signs in
// again under the same name finds it; nobody else does.

import { facts, fill, h, moment, ruleWords } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { record } from "/console/record.js";
import { UNDERWRITING } from "/console/underwriting_words.js";
import { WORDS } from "/console/words.js";

const LOOK_MS = 10_000;
const NO_DRAFT = { verdict: "", code: "", note: "" };

const state = { queue: null, shown: null, draft: { ...NO_DRAFT }, owner: "" };
const t = () => ({ ...WORDS[frame.language], ...UNDERWRITING[frame.language] });

const me = () => frame.status?.person?.name ?? "";
const mayJudge = () => frame.status?.person?.roles.includes("underwriter");
const money = (minor, words) => (minor === null ? words.erasedAmount : `¥${(minor / 100).toLocaleString("en-US")}`);
const time = (text) => moment(text).slice(11, 16);

// --- the queue -----------------------------------------------------------------------------------

async function refresh() {
  if (!me()) return;
  try {
    state.queue = await ask("GET", "/cases");
    say($("queue-problem"), null);
  } catch (error) {
    say($("queue-problem"), error);
  }
  showQueue();
}

function showQueue() {
  const words = t();
  const cases = state.queue?.cases ?? [];
  $("waiting").textContent = state.queue ? words.waitingOf(cases.length, state.queue.waiting) : "";
  fill($("queue"), cases.length ? cases.map((one) => queued(one, words)) : h("li", { class: "soft small" }, words.queueNone));
}

function queued(one, words) {
  const current = state.shown?.case.decision_id === one.decision_id;
  return h("li", {}, h("button", { type: "button", "data-id": one.decision_id, "aria-current": current ? "true" : null, onclick: () => open(one.decision_id) },
    h("b", {}, one.damaged ? words.damaged : money(one.amount_minor, words)),
    h("span", { class: "soft small" }, whyIn(one, words)),
    h("span", { class: "soft small" }, moment(one.at).slice(0, 16)),
    h("span", { class: `small ${one.claimed_by === me() ? "mine" : "soft"}` }, one.claimed_by || one.state === "open" ? holderOf(one, words) : words.stateOf[one.state])));
}

const whyIn = (one, words) => words.whyOf[one.asked ? "asked" : one.why];

function holderOf(one, words) {
  if (!one.claimed_by) return words.free;
  return one.claimed_by === me() ? words.mine(time(one.claimed_until)) : words.heldBy(one.claimed_by, time(one.claimed_until));
}

// --- one case ------------------------------------------------------------------------------------

// The open case stands in the address, so that a link shows it.
async function open(id) {
  if (state.shown?.case.decision_id !== id) state.draft = { ...NO_DRAFT };
  try {
    state.shown = await ask("GET", `/cases/${encodeURIComponent(id)}`);
    state.owner = me();
    history.replaceState(null, "", `#${id}`);
    say($("problem"), null);
  } catch (error) {
    say($("problem"), error);
  }
  showAll();
  $("queue").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

// Do something with the open case, then show what is: also where it was refused, since a claim may
// have lapsed meanwhile. What was written stays.
async function act(path, body) {
  const id = state.shown.case.decision_id;
  try {
    await ask("POST", path, { decision_id: id, ...body });
    if (body.verdict) state.draft = { ...NO_DRAFT };
    await open(id);
  } catch (error) {
    if (error.status === 403) await open(id);
    say($("problem"), error);
  }
  await refresh();
}

function showCase() {
  const words = t();
  const { shown } = state;
  if (!shown) {
    fill($("record"));
    return fill($("case"), h("p", { class: "empty" }, words.pick));
  }
  const one = shown.case;
  fill($("case"),
    h("h1", {}, words.caseTitle, h("span", { class: "badge refer" }, words.stateOf[one.state]), h("code", {}, one.decision_id)),
    facts([
      [words.hardRuleOf, `${whyIn(one, words)} · ${ruleWords(one.rule, words)}`],
      [words.amountApplied, money(one.amount_minor, words)],
      [words.scoreSays, one.says ? words[one.says] : words.saysNothing],
      [words.waits, moment(one.at)],
      [words.holder, one.state === "done" ? words.stateOf.done : holderOf(one, words)],
    ]),
    one.differed ? h("p", { class: "notice" }, words.differed(one.differed)) : null,
    saidOf(shown.first !== null && shown.final?.entry !== shown.first.entry ? shown.first : null, words.firstSaid, words),
    saidOf(shown.final, words.finalSaid, words),
    one.state === "done" ? null : judging(one, words));
  fill($("record"), record(shown.explanation, words, frame.language));
}

function saidOf(said, title, words) {
  if (!said) return null;
  const code = [...state.shown.approve, ...state.shown.decline].find((one) => one.code === said.code);
  return h("div", { class: "said" }, h("b", {}, `${title}：${words.verdicts[said.verdict]}`),
    h("p", {}, `${said.code} ${code?.[frame.language] ?? ""}`, said.side ? h("span", { class: "mark" }, words.sides[said.side]) : null),
    said.note ? h("p", {}, said.note) : null,
    h("p", { class: "soft small" }, words.saidBy(said.by, moment(said.at))));
}

function judging(one, words) {
  if (!mayJudge()) return h("p", { class: "soft small" }, words.mayNotJudge);
  if (one.claimed_by === me()) return formOf(words);
  return h("div", { class: "acts" }, h("button", { id: "claim", class: "main", type: "button", onclick: () => act("/cases/claim", {}) }, words.claim));
}

function formOf(words) {
  const { shown, draft } = state;
  const codes = shown[draft.verdict] ?? [];
  const choice = (verdict) => h("label", {}, h("input", { type: "radio", name: "verdict", value: verdict, required: true, checked: draft.verdict === verdict, onchange: () => choose(verdict) }), words.verdicts[verdict]);
  const option = (one) => h("option", { value: one.code, selected: one.code === draft.code }, `${one.code} ${one[frame.language]}`);
  const note = h("textarea", { id: "note", maxlength: 2000, oninput: (event) => (draft.note = event.target.value) });
  note.value = draft.note;
  return h("form", { id: "judge", onsubmit: submit },
    h("h3", {}, words.judgeTitle),
    shown.needs_second ? h("p", { class: "notice", id: "second" }, words.needsSecond(money(state.queue?.second_above_minor ?? null, words))) : null,
    h("div", { class: "choices" }, choice("approve"), choice("decline")),
    h("label", { for: "code" }, words.reasonCode),
    h("select", { id: "code", required: true, disabled: !draft.verdict, onchange: (event) => (draft.code = event.target.value) },
      h("option", { value: "", selected: !draft.code }, words.chooseCode), codes.map(option)),
    h("label", { for: "note" }, words.note), note,
    h("div", { class: "acts" },
      h("button", { id: "submit", class: "main", type: "submit" }, shown.needs_second ? words.submitFirst : words.submit),
      h("button", { id: "release", class: "quiet", type: "button", onclick: () => act("/cases/claim", { release: true }) }, words.release)));
}

function choose(verdict) {
  Object.assign(state.draft, { verdict, code: "" });
  showCase();
}

async function submit(event) {
  event.preventDefault();
  await act("/cases/verdict", { ...state.draft });
}

async function bring(event) {
  event.preventDefault();
  try {
    const one = await ask("POST", "/cases", { decision_id: event.target.decision.value.trim() });
    say($("ask-problem"), null);
    event.target.reset();
    await refresh();
    await open(one.decision_id);
  } catch (error) {
    say($("ask-problem"), error);
  }
}

// --- who is here ---------------------------------------------------------------------------------

let shownTo = "";

function showAll() {
  showQueue();
  showCase();
}

async function show() {
  $("work").hidden = !me();
  if (!me()) return say($("problem"), null); // the form to sign in says why
  if (me() === shownTo) return showAll();
  shownTo = me();
  const kept = state.owner === me() ? state.shown?.case.decision_id : null;
  const reopened = kept ?? addressed();
  if (!kept) Object.assign(state, { shown: null, draft: { ...NO_DRAFT } });
  await refresh();
  if (reopened) await open(reopened);
  else showAll();
}

// What was written is kept where a key ended by itself: for the same person, and for nobody else.
function forget(expired) {
  shownTo = "";
  if (!expired) history.replaceState(null, "", location.pathname);
  state.queue = null;
  if (!expired) Object.assign(state, { shown: null, draft: { ...NO_DRAFT }, owner: "" });
  fill($("queue"));
  fill($("case"));
  fill($("record"));
}

const addressed = () => decodeURIComponent(location.hash.slice(1));

$("ask").addEventListener("submit", bring);
window.addEventListener("hashchange", () => me() && addressed() && open(addressed()));
setInterval(() => document.hidden || refresh(), LOOK_MS);
start({ words: t, show, forget });
