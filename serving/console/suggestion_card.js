// The card of suggestions, as the agent's page and the panel both have it: others are asked for, shown
// as they come, marked once they are stale, taken, rejected with a reason. Where a taken one goes, and
// what is sent, is not known here.

import { fill, h } from "/console/draw.js";
import { $, ask, frame, say } from "/console/frame.js";
import { recalled, suggestion } from "/console/assist_panels.js";
import { listenOn } from "/console/assist_stream.js";
import { ASSIST, toldBy } from "/console/assist_words.js";
import { NOTHING, all, atOnce, inTheEnd, placeOf, readOf, textOf } from "/console/offered.js";
import { WORDS } from "/console/words.js";

export const words = () => ({ ...WORDS[frame.language], ...ASSIST[frame.language] });

// A turn is one asking for suggestions, and the one reply that may be booked on it; `own` names
// another asking, by which words go that answer none of them.
const turnOf = (conversation = "", offered = NOTHING) => ({ conversation, offered, place: 0, asking: null, ended: Promise.resolve(), own: "" });
const card = { turn: turnOf(), refused: null };
export const turnNow = () => card.turn;

// Whose suggestions are wanted, where a taken one goes, what follows where the service says that the
// customer wrote again, and what is drawn with the card.
let holder = { conversation: () => "", put: () => {}, wroteAgain: () => {}, drawn: () => {} };

// --- asking --------------------------------------------------------------------------------------

// What is there stays until others come; what was taken of it is not of these: it is booked on neither.
export function suggest(tone = "", stale = false) {
  const { asking, offered } = card.turn;
  asking?.abort();
  const before = { ...offered, shown: null, done: false, stale: stale || offered.stale };
  const turn = { ...turnOf(holder.conversation(), before), asking: new AbortController() };
  card.turn = turn;
  turn.ended = hear(turn, tone);
  showCard();
}

// The customer wrote again.
export const suggestAgain = () => suggest("", true);

export function forget() {
  card.turn.asking?.abort();
  handOver();
}

// The turn as it stands, to whoever sends on it: it goes on, and the card has nothing of it any more.
export function handOver() {
  const { turn } = card;
  Object.assign(card, { turn: turnOf(), refused: null });
  closeWhy();
  showCard();
  return turn;
}

async function hear(turn, tone) {
  const asked = { conversation: turn.conversation, tone };
  const heard = { begun: false, writing: null, stale: false };
  try {
    for await (const event of listenOn("/suggest", asked, turn.asking.signal, (error) => say($("problem"), error))) {
      takeIn(turn, event, heard);
      showCard();
    }
    say($("problem"), null);
  } catch (error) {
    if (error.name !== "AbortError") say($("problem"), error);
  } finally {
    turn.asking = null;
    showCard();
  }
  if (heard.stale && turn === card.turn) holder.wroteAgain();
}

function takeIn(turn, { name, told }, heard) {
  if (name === "scripts") {
    offer(turn, atOnce(told), heard.begun);
    Object.assign(heard, { begun: true, writing: { kind: "generated", sentences: [], writing: true } });
  }
  if (name === "writing") turn.offered = { ...turn.offered, ...told };
  if (name === "sentence") {
    heard.writing.sentences.push(told);
    turn.offered = { ...turn.offered, list: [...turn.offered.list.filter((one) => one !== heard.writing), heard.writing] };
  }
  if (name === "done") offer(turn, inTheEnd(told), true);
  if (name === "stale") {
    turn.offered = { ...turn.offered, stale: true };
    heard.stale = true;
  }
}

// In place of those that are there; `same` where they answer the same message in the same tone.
function offer(turn, offered, same) {
  const taken = same && all(turn.offered)[turn.place - 1];
  Object.assign(turn, { offered, place: taken ? placeOf(taken, offered) : 0 });
}

// --- what the agent does with them ---------------------------------------------------------------

function take(place) {
  const one = all(card.turn.offered)[place - 1];
  if (!one) return;
  card.turn.place = place;
  holder.put(textOf(one), card.turn.conversation);
}

function askWhy() {
  const { offered, conversation } = card.turn;
  if (!offered.done) return;
  card.refused = { shown: offered.shown, conversation };
  $("why").hidden = false;
  $("why-text").placeholder = words().rejectWhy;
  $("why-text").focus();
}

function closeWhy() {
  $("why").reset();
  $("why").hidden = true;
}

async function reject(event) {
  event.preventDefault();
  const { shown, conversation } = card.refused;
  try {
    await ask("POST", "/feedback", { shown, conversation, place: 0, reason: $("why-text").value.trim() });
    if (card.refused?.shown !== shown) return;
    closeWhy();
    if (card.turn.offered.shown === shown) suggest("formal");
  } catch (error) {
    say($("problem"), error);
  }
}

// None acts while an input method is composing.
function pressed(event) {
  if (!event.altKey || event.isComposing || event.keyCode === 229 || !holder.conversation()) return;
  const place = ["Digit1", "Digit2", "Digit3"].indexOf(event.code) + 1;
  if (place) take(place);
  else if (event.code === "KeyE") take(card.turn.place || 1);
  else if (event.code === "KeyX") askWhy();
  else return;
  event.preventDefault();
}

// --- showing -------------------------------------------------------------------------------------

function showCard() {
  const t = words();
  const { offered, asking } = card.turn;
  const there = all(offered);
  const old = offered.stale && there.length > 0; // what is not there is not old
  $("offered").classList.toggle("old", old);
  $("stale").hidden = !old;
  $("routed").hidden = !offered.routed;
  $("routed").textContent = offered.routed ? t.routed(offered.routed) : "";
  fill($("suggestions"), there.map((one, at) => suggestion(one, at + 1, take, t)));
  fill($("recalled"), recalled(offered.recalled, t));
  const why = offered.reason ? toldBy(t.reasons, offered.reason) : "";
  const how = asking && !offered.done ? t.writing : offered.done && !there.length ? t.none : why;
  $("reason").textContent = [how, readOf(offered, t)].filter(Boolean).join(" · ");
  holder.drawn();
}

// What changes with the language and the service, and not with each sentence.
export function showAround() {
  const states = [frame.status?.engine_state, frame.status?.other_state].filter(Boolean);
  $("engine").textContent = states.map((one) => toldBy(words().engineStates, one)).join(" · B: ");
  $("engine").title = states.join("; ");
  const tones = Object.entries(words().tones);
  fill($("tone"), tones.map(([value, text]) => h("option", { value, selected: value === $("tone").value }, text)));
  showCard();
}

// The card within `#offered`, before the page starts.
export function furnishCard(its) {
  holder = { ...holder, ...its };
  const word = (tag, attributes, name) => h(tag, { ...attributes, "data-t": name });
  fill(
    $("offered"),
    h("h2", { id: "offered-title" }, word("span", {}, "suggestions"), " ", h("small", { id: "engine" })),
    h("p", { id: "routed", class: "hits", role: "alert", hidden: true }),
    word("p", { id: "stale", class: "stale", role: "status", hidden: true }, "stale"),
    h("ol", { id: "suggestions" }),
    h("ul", { id: "recalled", class: "soft small" }),
    h("p", { id: "reason", class: "soft small" }),
    h("div", { class: "row" },
      h("select", { id: "tone" }),
      word("button", { id: "another", class: "quiet", type: "button", onclick: () => holder.conversation() && suggest($("tone").value || "warm") }, "another"),
      word("button", { id: "reject", class: "quiet", type: "button", onclick: askWhy }, "reject")),
    h("form", { id: "why", class: "row", hidden: true, onsubmit: reject },
      h("input", { id: "why-text", maxlength: 200, autocomplete: "off", required: true }),
      word("button", { class: "quiet", type: "submit" }, "rejectNow")));
  document.addEventListener("keydown", pressed);
}
