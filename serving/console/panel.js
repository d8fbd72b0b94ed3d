// The suggestions alone, within a vendor's desktop. The desktop says which conversation is open and
// what was sent; the panel says what to put into its input box. Both by postMessage, with the one
// origin that FINMODEL_EMBED names and no other:
//
//   to us     {finmodel: "open", conversation}   {finmodel: "said"}   {finmodel: "sent", text}
//   from us   {finmodel: "insert", conversation, text}

import { $, ask, frame, say, start } from "/console/frame.js";
import { passing, pause, secondsUntilAgain } from "/console/assist_stream.js";
import { bookedOn, secondsSince } from "/console/offered.js";
import { forget, furnishCard, handOver, showAround, suggest, suggestAgain, words } from "/console/suggestion_card.js";

const MOST_EARLY = 100;
const state = { conversation: "", wanted: false, early: [], sent: [], sending: false };

// At once, or once somebody signed in.
function turnTo(conversation) {
  if (conversation !== state.conversation) forget();
  state.conversation = conversation;
  askFor(suggest);
}

function askFor(asking) {
  state.wanted = Boolean(state.conversation) && !frame.status?.person;
  if (state.conversation && frame.status?.person) asking();
}

const put = (text, conversation) => parent.postMessage({ finmodel: "insert", conversation, text }, frame.status.embed);

// What the customer was sent is kept whatever happens here: it waits for the suggestion that it was
// made of, for somebody to sign in, for the service. A second one of a turn goes by a turn of its own.
function keep(text) {
  if (!state.conversation) return;
  state.sent.push({ conversation: state.conversation, text, turn: handOver(), at: performance.now(), own: "" });
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
  if (!bookedOn(turn)) await turn.ended;
  const booked = bookedOn(turn);
  if (booked) {
    const seconds = Math.max(secondsSince(turn.offered) - secondsSince(one), 0);
    await ask("POST", "/feedback", { ...booked, conversation, text, seconds });
    turn.asking?.abort(); // nobody waits for what is still being written
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
  if (data?.finmodel === "open") turnTo(`${data.conversation}`);
  if (data?.finmodel === "said") askFor(suggestAgain);
  if (data?.finmodel === "sent") keep(`${data.text}`);
}

function show() {
  if (frame.status) for (const event of state.early.splice(0)) heard(event);
  $("inside").hidden = !frame.status?.person;
  showAround();
  if (frame.status?.person && state.wanted) askFor(suggest);
  if (frame.status?.person) sendAll();
}

// What is open stays open: whoever signs in next is shown it, if it is theirs.
function signedOut() {
  forget();
  state.wanted = Boolean(state.conversation);
}

furnishCard({ conversation: () => (frame.status?.person ? state.conversation : ""), put, wroteAgain: suggestAgain });
window.addEventListener("message", heard);
start({ pages: {}, words, show, forget: signedOut });
