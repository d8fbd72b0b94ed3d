// The suggestions alone, within a vendor's desktop. The desktop says which conversation is open and
// what was sent; the panel says what to put into its input box. Both by postMessage, with the one
// origin that FINMODEL_EMBED names and no other:
//
//   to us     {finmodel: "open", conversation}   {finmodel: "said"}   {finmodel: "sent", text}
//   from us   {finmodel: "insert", conversation, text}

import { fill } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { suggestion } from "/console/assist_panels.js";
import { listenOn, passing, pause, secondsUntilAgain } from "/console/assist_stream.js";
import { ASSIST, toldBy } from "/console/assist_words.js";
import { NOTHING, all, atOnce, inTheEnd, placeOf, readOf, secondsSince, textOf } from "/console/offered.js";
import { WORDS } from "/console/words.js";

const MOST_EARLY = 100;
// A turn is one asking for suggestions, and the one reply that may be booked on it.
const noTurn = () => ({ conversation: "", offered: NOTHING, place: 0, asking: null, ended: Promise.resolve() });
const state = { conversation: "", wanted: false, turn: noTurn(), early: [], sent: [], sending: false };
const t = () => ({ ...WORDS[frame.language], ...ASSIST[frame.language] });

// At once, or once somebody signed in.
function suggest() {
  state.turn.asking?.abort();
  state.turn = noTurn();
  state.wanted = Boolean(state.conversation) && !frame.status?.person;
  if (state.conversation && frame.status?.person) {
    Object.assign(state.turn, { conversation: state.conversation, asking: new AbortController() });
    state.turn.ended = hear(state.turn);
  }
  showAll();
}

async function hear(turn) {
  const asked = { conversation: turn.conversation, tone: "" };
  let begun = false;
  try {
    for await (const { name, told } of listenOn("/suggest", asked, turn.asking.signal, (error) => say($("problem"), error))) {
      if (name === "scripts") offer(turn, atOnce(told), begun);
      begun = true;
      if (name === "writing") turn.offered = { ...turn.offered, ...told };
      if (name === "done") offer(turn, inTheEnd(told), true);
      showAll();
    }
    say($("problem"), null);
  } catch (error) {
    if (error.name !== "AbortError") say($("problem"), error);
  }
}

function offer(turn, offered, same) {
  const taken = same && all(turn.offered)[turn.place - 1];
  Object.assign(turn, { offered, place: taken ? placeOf(taken, offered) : 0 });
}

function take(place) {
  const one = all(state.turn.offered)[place - 1];
  if (!one) return;
  state.turn.place = place;
  parent.postMessage({ finmodel: "insert", conversation: state.turn.conversation, text: textOf(one) }, frame.status.embed);
}

// What the customer was sent is kept whatever happens here: it waits for its suggestions' end, for
// somebody to sign in, for the service. A second one of the same turn goes by a turn of its own.
function keep(text) {
  if (!state.conversation) return;
  state.sent.push({ conversation: state.conversation, text, turn: state.turn, at: performance.now(), own: "" });
  state.turn = noTurn();
  showAll();
  sendAll();
}

async function sendAll() {
  if (state.sending) return;
  state.sending = true;
  for (let tries = 1; state.sent.length && frame.status?.person; ) {
    try {
      await send(state.sent[0]);
      say($("problem"), null);
    } catch (error) {
      say($("problem"), error);
      if (error.status === 401) break; // for who signs in
      if (passing(error)) {
        await pause(secondsUntilAgain(error, tries));
        tries += 1;
        continue;
      }
    }
    state.sent.shift();
    tries = 1;
  }
  state.sending = false;
}

async function send(one) {
  const { conversation, text, turn } = one;
  await turn.ended;
  const { offered, place } = turn;
  if (offered.done) {
    const seconds = Math.max(secondsSince(offered) - secondsSince(one), 0);
    await ask("POST", "/feedback", { shown: offered.shown, conversation, place, text, seconds });
  } else {
    one.own ||= (await ask("POST", "/suggest", { conversation })).shown;
    await ask("POST", "/feedback", { shown: one.own, conversation, unseen: true, text });
  }
}

// Before the service said whose page this is nothing is believed, and nothing lost.
function heard(event) {
  if (!frame.status) {
    if (state.early.length < MOST_EARLY) state.early.push(event);
    return;
  }
  const { origin, source, data } = event;
  if (!frame.status.embed || origin !== frame.status.embed || source !== parent) return;
  if (data?.finmodel === "open") state.conversation = `${data.conversation}`;
  if (data?.finmodel === "open" || data?.finmodel === "said") suggest();
  if (data?.finmodel === "sent") keep(`${data.text}`);
}

function show() {
  if (frame.status) for (const event of state.early.splice(0)) heard(event);
  if (frame.status?.person && state.wanted) suggest();
  if (frame.status?.person) sendAll();
  showAll();
}

function showAll() {
  const { offered } = state.turn;
  $("offered").hidden = !frame.status?.person;
  $("engine").textContent = frame.status ? toldBy(t().engineStates, frame.status.engine_state) : "";
  $("routed").hidden = !offered.routed;
  $("routed").textContent = offered.routed ? t().routed(offered.routed) : "";
  fill($("suggestions"), all(offered).map((one, at) => suggestion(one, at + 1, take, t())));
  const why = !offered.done ? "" : all(offered).length ? toldBy(t().reasons, offered.reason) : t().none;
  $("reason").textContent = [why, readOf(offered, t())].filter(Boolean).join(" · ");
}

// What is open stays open: whoever signs in next is shown it, if it is theirs.
function signedOut() {
  state.turn.asking?.abort();
  Object.assign(state, { turn: noTurn(), wanted: Boolean(state.conversation) });
  showAll();
}

window.addEventListener("message", heard);
start({ pages: {}, words: t, show, forget: signedOut });
