// The agent's page: conversations, the chat, and what may be said next. A suggestion is put into the
// input box by one act and sent by another; what is sent is what is kept. Once the customer writes
// again, suggestions are stale and new ones are asked for.

import { fill, h } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { facts, hints, hits, line, message, suggestion, worth } from "/console/assist_panels.js";
import { listenOn } from "/console/assist_stream.js";
import { ASSIST, toldBy } from "/console/assist_words.js";
import { NOTHING, all, atOnce, inTheEnd, placeOf, readOf, secondsSince, textOf } from "/console/offered.js";
import { WORDS } from "/console/words.js";

const EVERY_MS = 2000;
const state = { lines: [], chosen: "", view: null, offered: NOTHING, place: 0, asking: null, own: "", refused: null, warned: "", sending: false, missed: false, by: "agent", groups: [] };
const t = () => ({ ...WORDS[frame.language], ...ASSIST[frame.language] });
const is = (role) => frame.status?.person?.roles.includes(role);

// --- what is there -------------------------------------------------------------------------------

async function look() {
  if (document.hidden || !frame.status?.person) return;
  try {
    if (is("agent")) await lookAtConversations();
    if (is("supervisor")) await lookAtWorth();
    if (state.missed) say($("problem"), null); // what sending met stays
    state.missed = false;
  } catch (error) {
    state.missed = true;
    say($("problem"), error);
  }
}

async function lookAtConversations() {
  const mine = frame.status.person.name;
  const { conversations, more } = await ask("GET", "/conversations");
  if (frame.status?.person?.name !== mine) return;
  Object.assign(state, { lines: conversations, more });
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
  Object.assign(state, { chosen: id, view: null });
  forget();
  clearForms();
  showLines();
  look();
}

// --- what may be said ----------------------------------------------------------------------------

function forget() {
  state.asking?.abort();
  Object.assign(state, { offered: NOTHING, place: 0, asking: null, own: "" });
  showOffered();
}

// Nothing of one customer stays where the next one is answered.
function clearForms() {
  $("text").value = "";
  $("why").reset();
  $("why").hidden = true;
  warn([]);
}

// What was taken of the suggestions before is not of these: it is booked on neither.
async function suggest(tone = "") {
  state.asking?.abort();
  const asking = new AbortController();
  Object.assign(state, { asking, place: 0, own: "", offered: { ...state.offered, done: false } });
  showOffered();
  const told = listenOn("/suggest", { conversation: state.chosen, tone }, asking.signal, (error) => say($("problem"), error));
  try {
    await hear(told, asking);
    say($("problem"), null);
  } catch (error) {
    if (error.name !== "AbortError") say($("problem"), error);
  } finally {
    if (state.asking === asking) {
      state.asking = null;
      showOffered();
    }
  }
}

async function hear(events, asking) {
  let writing = null;
  let begun = false;
  for await (const { name, told } of events) {
    if (state.asking !== asking) return;
    if (name === "scripts") {
      writing = { kind: "generated", sentences: [], writing: true };
      offer(atOnce(told, lastId()), begun);
      begun = true;
    }
    if (name === "writing") state.offered = { ...state.offered, ...told };
    if (name === "sentence") {
      writing.sentences.push(told);
      state.offered = { ...state.offered, list: [...state.offered.list.filter((one) => one !== writing), writing] };
    }
    if (name === "done") offer(inTheEnd(told), true);
    showOffered();
  }
}

// In place of those that are there; `same` where they answer the same message in the same tone.
function offer(offered, same) {
  const taken = same && all(state.offered)[state.place - 1];
  Object.assign(state, { offered, place: taken ? placeOf(taken, offered) : 0 });
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
  if (!text || !state.view || state.asking || state.sending) return;
  state.sending = true;
  showSend();
  try {
    await sendTo(state.view.id, text);
  } catch (error) {
    say($("problem"), error);
  } finally {
    state.sending = false;
    showSend();
  }
}

// All that says what is sent, and to whom, is taken before anything is waited for: whoever turns to
// another conversation meanwhile, or writes on, has not sent.
async function sendTo(conversation, text) {
  const { offered, place, warned } = state;
  const seconds = secondsSince(offered);
  const stands = () => state.view?.id === conversation && $("text").value.trim() === text;
  if (warned !== text) {
    const { hits: found } = await ask("POST", "/check", { text, conversation });
    if (!stands()) return;
    if (found.length) return warn(found, text);
  }
  const given = offered.done ? { shown: offered.shown, place, seconds } : { shown: await ownTurn(conversation), unseen: true };
  if (!stands()) return;
  await ask("POST", "/feedback", { ...given, conversation, text });
  say($("problem"), null);
  if (!stands()) return;
  $("text").value = "";
  warn([]);
  forget();
  await look();
}

// Words that answer no suggestion, as a second reply in a row, go by a turn of their own, in which
// nothing is judged. It is kept: sent twice, they are one message.
async function ownTurn(conversation) {
  if (state.own) return state.own;
  const { shown } = await ask("POST", "/suggest", { conversation });
  if (state.view?.id === conversation) state.own = shown;
  return shown;
}

// What the guards find is told once; sent again as it is, it goes.
function warn(found, text = "") {
  state.warned = text;
  hits($("hits"), found, t());
  showSend();
}

function askWhy() {
  if (!state.offered.done) return;
  state.refused = { shown: state.offered.shown, conversation: state.view.id };
  $("why").hidden = false;
  $("why-text").placeholder = t().rejectWhy;
  $("why-text").focus();
}

async function reject(event) {
  event.preventDefault();
  const { shown, conversation } = state.refused;
  try {
    await ask("POST", "/feedback", { shown, conversation, place: 0, reason: $("why-text").value.trim() });
    if (state.view?.id !== conversation) return;
    $("why").reset();
    $("why").hidden = true;
    if (state.offered.shown === shown) suggest("formal");
  } catch (error) {
    say($("problem"), error);
  }
}

function signedOut() {
  Object.assign(state, { lines: [], chosen: "", view: null, groups: [] });
  forget();
  clearForms();
  showLines();
  showChat();
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
  if (state.more) rows.push(h("li", { class: "soft small" }, t().moreConversations(state.lines.length)));
  fill($("lines"), rows.length ? rows : h("li", { class: "soft" }, t().noConversation));
}

function showChat() {
  const view = state.view;
  $("chat-title").textContent = view ? `${view.customer} · ${t().scenario[view.scenario]} · ${t().identity[view.identity]}` : t().pick;
  fill($("messages"), (view?.messages ?? []).map((one) => message(one, t())));
  $("messages").scrollTop = $("messages").scrollHeight;
  $("facts").hidden = !view;
  fill($("fact-rows"), view ? facts(view, frame.language, t()) : []);
  fill($("hint-rows"), view ? hints(view, frame.language, t()) : []);
}

// It waits for suggestions too: without their end there is nothing to book a reply on.
function showSend() {
  $("send").disabled = state.sending || Boolean(state.asking) || !state.view;
  $("send").title = state.asking ? t().sendWaits : "";
  $("send").textContent = state.sending ? t().sending : state.warned ? t().sendAnyway : t().send;
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
  const how = asking && !offered.done ? t().writing : offered.done && !all(offered).length ? t().none : why;
  $("reason").textContent = [how, readOf(offered, t())].filter(Boolean).join(" · ");
  showSend();
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
start({ pages: { "/": "assistant" }, words: t, show, forget: signedOut });
