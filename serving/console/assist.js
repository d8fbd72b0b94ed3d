// The agent's page: conversations, the chat, and what may be said next. A suggestion is put into the
// input box by one act and sent by another; what is sent is what is kept. Once the customer writes
// again, suggestions are stale and new ones are asked for.

import { fill, h } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { facts, hints, hits, line, message, suggestion, worth } from "/console/assist_panels.js";
import { listen } from "/console/assist_stream.js";
import { ASSIST, toldBy } from "/console/assist_words.js";
import { NOTHING, all, atOnce, inTheEnd, secondsSince, textOf } from "/console/offered.js";
import { WORDS } from "/console/words.js";

const EVERY_MS = 2000;
const state = { lines: [], chosen: "", view: null, offered: NOTHING, place: 0, asking: null, warned: "", by: "agent", groups: [] };
const t = () => ({ ...WORDS[frame.language], ...ASSIST[frame.language] });
const is = (role) => frame.status?.person?.roles.includes(role);

// --- what is there -------------------------------------------------------------------------------

async function look() {
  if (document.hidden || !frame.status?.person) return;
  try {
    if (is("agent")) await lookAtConversations();
    if (is("supervisor")) await lookAtWorth();
    say($("problem"), null);
  } catch (error) {
    say($("problem"), error);
  }
}

async function lookAtConversations() {
  const { conversations } = await ask("GET", "/conversations");
  state.lines = conversations;
  if (!state.chosen && conversations.length) state.chosen = conversations[0].id;
  showLines();
  if (state.chosen) await lookAtOne();
}

async function lookAtOne() {
  const wanted = state.chosen;
  const view = await ask("GET", `/conversations/${encodeURIComponent(wanted)}`);
  if (wanted !== state.chosen) return;
  const before = state.view;
  state.view = view;
  const last = view.messages.at(-1);
  const news = before?.id !== view.id || before.messages.at(-1)?.id !== last?.id || before.identity !== view.identity;
  if (!news) return;
  showChat();
  if (last && last.who !== "agent") suggest();
  else forget();
}

async function lookAtWorth() {
  state.groups = (await ask("GET", `/worth/${state.by}`)).groups;
  fill($("worth"), worth(state.groups, t(), state.by));
}

function pick(id) {
  if (id === state.chosen) return;
  Object.assign(state, { chosen: id, view: null, warned: "" });
  $("text").value = "";
  forget();
  showLines();
  look();
}

// --- what may be said ----------------------------------------------------------------------------

function forget() {
  state.asking?.abort();
  Object.assign(state, { offered: NOTHING, place: 0, asking: null });
  showOffered();
}

async function suggest(tone = "") {
  state.asking?.abort();
  const asking = new AbortController();
  state.asking = asking;
  showOffered();
  const writing = { kind: "generated", sentences: [], writing: true };
  try {
    for await (const { name, told } of listen("/suggest", { conversation: state.chosen, tone }, asking.signal)) {
      if (state.asking !== asking) return;
      if (name === "scripts") state.offered = atOnce(told, lastId());
      if (name === "sentence") {
        writing.sentences.push(told);
        state.offered = { ...state.offered, list: [...state.offered.list.filter((one) => one !== writing), writing] };
      }
      if (name === "done") state.offered = inTheEnd(told);
      showOffered();
    }
    say($("problem"), null);
  } catch (error) {
    if (error.name !== "AbortError") say($("problem"), error);
  } finally {
    if (state.asking === asking) state.asking = null;
  }
}

const lastId = () => state.view?.messages.at(-1)?.id ?? "";

function take(place) {
  const one = all(state.offered)[place - 1];
  if (!one) return;
  state.place = place;
  $("text").value = textOf(one);
  warn([]);
  $("text").focus();
}

async function reply(event) {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || !state.view || !state.offered.done) return;
  try {
    if (state.warned !== text) {
      const { hits: found } = await ask("POST", "/check", { text, conversation: state.view.id });
      if (found.length) return warn(found, text);
    }
    const seconds = secondsSince(state.offered);
    await ask("POST", "/feedback", { shown: state.offered.shown, place: state.place, text, seconds });
    $("text").value = "";
    warn([]);
    forget();
    await look();
  } catch (error) {
    say($("problem"), error);
  }
}

// What the guards find is told once; sent again as it is, it goes.
function warn(found, text = "") {
  state.warned = text;
  hits($("hits"), found, t());
  $("send").textContent = found.length ? t().sendAnyway : t().send;
}

function askWhy() {
  if (!state.offered.done) return;
  $("why").hidden = false;
  $("why-text").placeholder = t().rejectWhy;
  $("why-text").focus();
}

async function reject(event) {
  event.preventDefault();
  try {
    await ask("POST", "/feedback", { shown: state.offered.shown, place: 0, reason: $("why-text").value.trim() });
    $("why").reset();
    $("why").hidden = true;
    suggest("formal");
  } catch (error) {
    say($("problem"), error);
  }
}

// --- keys ----------------------------------------------------------------------------------------

function pressed(event) {
  if (!event.altKey || event.isComposing || event.keyCode === 229 || !state.view) return;
  const place = ["Digit1", "Digit2", "Digit3"].indexOf(event.code) + 1;
  if (place) take(place);
  else if (event.code === "KeyE") take(state.place || 1);
  else if (event.code === "KeyX") askWhy();
  else return;
  event.preventDefault();
}

// --- showing -------------------------------------------------------------------------------------

function showLines() {
  const rows = state.lines.map((one) => line(one, state.chosen, pick, t()));
  fill($("lines"), rows.length ? rows : h("li", { class: "soft" }, t().noConversation));
}

function showChat() {
  const view = state.view;
  $("chat-title").textContent = view ? `${view.customer} · ${t().scenario[view.scenario]} · ${t().identity[view.identity]}` : t().pick;
  fill($("messages"), (view?.messages ?? []).map((one) => message(one, t())));
  $("messages").scrollTop = $("messages").scrollHeight;
  $("facts").hidden = !view;
  if (view) fill($("fact-rows"), facts(view, frame.language, t()));
  if (view) fill($("hint-rows"), hints(view, frame.language, t()));
}

function showOffered() {
  const { offered, asking } = state;
  const old = Boolean(offered.after) && offered.after !== lastId();
  $("offered").classList.toggle("old", old);
  $("stale").hidden = !old;
  $("routed").hidden = !offered.routed;
  $("routed").textContent = offered.routed ? t().routed(offered.routed) : "";
  fill($("suggestions"), all(offered).map((one, at) => suggestion(one, at + 1, take, t())));
  const why = offered.reason ? toldBy(t().reasons, offered.reason) : "";
  $("reason").textContent = asking && !offered.done ? t().writing : offered.done && !all(offered).length ? t().none : why;
}

function show() {
  const person = frame.status?.person;
  $("agent").hidden = !is("agent");
  $("supervisor").hidden = !is("supervisor");
  if (person && !is("agent") && !is("supervisor")) fill($("worth"), h("p", { class: "soft" }, t().noRole));
  if (person && !is("agent") && !is("supervisor")) $("supervisor").hidden = false;
  const states = [frame.status?.engine_state, frame.status?.other_state].filter(Boolean);
  $("engine").textContent = states.map((one) => toldBy(t().engineStates, one)).join(" · B: ");
  $("engine").title = states.join("; ");
  const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);
  fill($("tone"), Object.entries(t().tones).map(([value, text]) => option(value, text, $("tone").value)));
  fill($("by"), Object.entries(t().groups).map(([value, text]) => option(value, text, state.by)));
  showLines();
  showChat();
  showOffered();
  fill($("worth"), is("supervisor") ? worth(state.groups, t(), state.by) : $("worth").childNodes.length ? [...$("worth").childNodes] : []);
  if (person && !state.lines.length && !state.groups.length) look();
}

$("reply").addEventListener("submit", reply);
$("why").addEventListener("submit", reject);
$("reject").addEventListener("click", askWhy);
$("another").addEventListener("click", () => suggest($("tone").value || "warm"));
$("by").addEventListener("change", (event) => {
  state.by = event.target.value;
  look();
});
$("text").addEventListener("input", () => warn([]));
document.addEventListener("keydown", pressed);
setInterval(look, EVERY_MS);
start({ pages: { "/": "assistant" }, words: t, show, forget: () => Object.assign(state, { lines: [], chosen: "", view: null, offered: NOTHING, groups: [] }) });
