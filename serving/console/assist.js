// The agent's page: conversations, the chat, and the card of what may be said next. A suggestion is put
// into the input box by one act and sent by another; what is sent is what is kept. Once the customer
// writes again, suggestions are stale and new ones are asked for.

import { fill, h } from "/console/draw.js";
import { $, ASSISTANT, ask, frame, say, start } from "/console/frame.js";
import { forgetLook, lookAgain } from "/console/human_look.js";
import { facts, handling, hints, hits, line, message, worth } from "/console/assist_panels.js";
import { bookedOn, secondsSince } from "/console/offered.js";
import { forget, furnishCard, showAround, suggest, suggestAgain, turnNow, words as t } from "/console/suggestion_card.js";
import { lookAtTickets, noTickets, showTickets, wrapUp } from "/console/wrap_up.js";
import { WRAP_UP } from "/console/wrap_up_words.js";

const EVERY_MS = 2000;
const TICKETS_EVERY_MS = 30_000;
const COUNTED_MS = 60_000;
const state = { lines: [], chosen: "", view: null, warned: "", sending: false, missed: false, by: "agent", groups: [], ticketsAt: 0, handled: null };
const is = (role) => frame.status?.person?.roles.includes(role);

// --- what is there -------------------------------------------------------------------------------

async function look() {
  if (document.hidden || !frame.status?.person) return;
  try {
    if (is("agent")) await lookAtConversations();
    if (is("supervisor")) await lookAtWorth();
    if (is("agent") || is("supervisor")) await ticketsNowAndThen();
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
  // One that was sent late stands among the others: the last is then the same.
  const wrote = before?.id !== view.id || before.messages.length !== view.messages.length || before.messages.at(-1)?.id !== last?.id;
  if (!wrote && before.identity === view.identity) return;
  showChat();
  if (!last || last.who === "agent") forget();
  else if (wrote) suggestAgain();
  else suggest();
}

async function lookAtWorth() {
  state.groups = (await ask("GET", `/worth/${state.by}`)).groups;
  fill($("worth"), worth(state.groups, t(), state.by));
  await lookAtHandling(state.by);
}

// They change when somebody wraps up; for what others do, now and then is enough.
async function ticketsNowAndThen() {
  if (Date.now() < state.ticketsAt) return;
  state.ticketsAt = Date.now() + TICKETS_EVERY_MS;
  await lookAtTickets();
}

// Counting takes longer than looking: asked for once a minute, or until all is counted.
async function lookAtHandling(by) {
  const last = state.handled;
  const known = last?.by === by && !last.left && Date.now() - last.at < COUNTED_MS;
  if (known) return;
  const told = by === "adapter" || by === "writer" ? { by, groups: [], left: 0 } : await ask("GET", `/handling/${by}`);
  if (by !== state.by || !is("supervisor")) return;
  state.handled = { ...told, at: Date.now() };
  showHandling();
}

const showHandling = () => fill($("handling"), state.handled ? handling(state.handled, t()) : []);

function pick(id) {
  if (id === state.chosen) return;
  Object.assign(state, { chosen: id, view: null });
  forget();
  clearForms();
  showLines();
  look();
}

// --- what is said --------------------------------------------------------------------------------

// Nothing of one customer stays where the next one is answered.
function clearForms() {
  $("text").value = "";
  $("wrapped").textContent = "";
  $("look").reset();
  forgetLook();
  warn([]);
}

// A suggestion that was taken is put into the input box; sending it is a second act.
function put(text) {
  $("text").value = text;
  warn([]);
  $("text").focus();
}

async function reply(event) {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || !state.view || waits() || state.sending) return;
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
  const { warned } = state;
  const booked = bookedOn(turnNow());
  const seconds = secondsSince(turnNow().offered);
  const stands = () => state.view?.id === conversation && $("text").value.trim() === text;
  if (warned !== text) {
    const { hits: found } = await ask("POST", "/check", { text, conversation });
    if (!stands()) return;
    if (found.length) return warn(found, text);
  }
  const given = booked ? { ...booked, seconds } : { shown: await ownTurn(conversation), unseen: true };
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
  const turn = turnNow();
  turn.own ||= (await ask("POST", "/suggest", { conversation })).shown;
  return turn.own;
}

// What the guards find is told once; sent again as it is, it goes.
function warn(found, text = "") {
  state.warned = text;
  hits($("hits"), found, t());
  showSend();
}

function signedOut() {
  Object.assign(state, { lines: [], chosen: "", view: null, groups: [], ticketsAt: 0, handled: null });
  noTickets();
  forget();
  showHandling();
  clearForms();
  showLines();
  showChat();
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

// Until scripts are there, there is nothing to book a reply on; what is being written is none yet.
const waits = () => Boolean(turnNow().asking) && !bookedOn(turnNow());

function showSend() {
  $("wrap").disabled = !state.view;
  $("send").disabled = state.sending || waits() || !state.view;
  $("send").title = waits() ? t().sendWaits : "";
  $("send").textContent = state.sending ? t().sending : state.warned ? t().sendAnyway : t().send;
}

function show() {
  const person = frame.status?.person;
  $("tickets-card").hidden = !is("agent") && !is("supervisor");
  if (is("agent")) $("middle").append($("tickets-card"));
  else $("supervisor").before($("tickets-card"));
  $("wrap").textContent = WRAP_UP[frame.language].wrapUp;
  $("look-apart").textContent = t().lookApart;
  $("look-apart").hidden = !frame.status?.demo;
  showTickets();
  $("agent").hidden = !is("agent");
  $("supervisor").hidden = !is("supervisor");
  if (person && !is("agent") && !is("supervisor")) fill($("worth"), h("p", { class: "soft" }, t().noRole));
  if (person && !is("agent") && !is("supervisor")) $("supervisor").hidden = false;
  const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);
  fill($("by"), Object.entries(t().groups).map(([value, text]) => option(value, text, state.by)));
  showLines();
  showChat();
  showAround();
  fill($("worth"), is("supervisor") ? worth(state.groups, t(), state.by) : $("worth").childNodes.length ? [...$("worth").childNodes] : []);
  showHandling();
  if (person && !state.lines.length && !state.groups.length) look();
}

furnishCard({ conversation: () => state.chosen, put, wroteAgain: look, drawn: showSend });
$("reply").addEventListener("submit", reply);
$("look").addEventListener("submit", (event) => lookAgain(event, () => state.view, t));
$("wrap").addEventListener("click", () => wrapUp(state.view));
$("by").addEventListener("change", (event) => {
  state.by = event.target.value;
  look();
});
$("text").addEventListener("input", () => warn([]));
setInterval(look, EVERY_MS);
start({ pages: ASSISTANT, words: t, show, forget: signedOut });
