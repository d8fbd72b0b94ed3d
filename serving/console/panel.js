// The suggestions alone, within a vendor's desktop. The desktop says which conversation is open and
// what was sent; the panel says what to put into its input box. Both by postMessage, with the one
// origin that FINMODEL_EMBED names and no other:
//
//   to us     {finmodel: "open", conversation}   {finmodel: "said"}   {finmodel: "sent", text}
//   from us   {finmodel: "insert", conversation, text}

import { fill } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { suggestion } from "/console/assist_panels.js";
import { listen } from "/console/assist_stream.js";
import { ASSIST, toldBy } from "/console/assist_words.js";
import { NOTHING, all, atOnce, inTheEnd, secondsSince, textOf } from "/console/offered.js";
import { WORDS } from "/console/words.js";

const state = { conversation: "", offered: NOTHING, place: 0, asking: null };
const t = () => ({ ...WORDS[frame.language], ...ASSIST[frame.language] });

async function suggest() {
  state.asking?.abort();
  const asking = new AbortController();
  Object.assign(state, { asking, offered: NOTHING, place: 0 });
  showAll();
  if (!state.conversation || !frame.status?.person) return;
  try {
    for await (const { name, told } of listen("/suggest", { conversation: state.conversation, tone: "" }, asking.signal)) {
      if (state.asking !== asking) return;
      if (name === "scripts") state.offered = atOnce(told);
      if (name === "done") state.offered = inTheEnd(told);
      showAll();
    }
    say($("problem"), null);
  } catch (error) {
    if (error.name !== "AbortError") say($("problem"), error);
  }
}

function take(place) {
  const one = all(state.offered)[place - 1];
  if (!one) return;
  state.place = place;
  parent.postMessage({ finmodel: "insert", conversation: state.conversation, text: textOf(one) }, frame.status.embed);
}

async function sent(text) {
  const { offered, place } = state;
  if (!offered.done) return;
  const seconds = secondsSince(offered);
  try {
    await ask("POST", "/feedback", { shown: offered.shown, place, text, seconds });
    Object.assign(state, { offered: NOTHING, place: 0 });
    showAll();
  } catch (error) {
    say($("problem"), error);
  }
}

function heard({ origin, source, data }) {
  if (!frame.status?.embed || origin !== frame.status.embed || source !== parent) return;
  if (data?.finmodel === "open") state.conversation = `${data.conversation}`;
  if (data?.finmodel === "open" || data?.finmodel === "said") suggest();
  if (data?.finmodel === "sent") sent(`${data.text}`);
}

function showAll() {
  const { offered } = state;
  $("offered").hidden = !frame.status?.person;
  $("engine").textContent = frame.status ? toldBy(t().engineStates, frame.status.engine_state) : "";
  $("routed").hidden = !offered.routed;
  $("routed").textContent = offered.routed ? t().routed(offered.routed) : "";
  fill($("suggestions"), all(offered).map((one, at) => suggestion(one, at + 1, take, t())));
  $("reason").textContent = !offered.done ? "" : all(offered).length ? toldBy(t().reasons, offered.reason) : t().none;
}

window.addEventListener("message", heard);
start({ pages: {}, words: t, show: showAll, forget: () => Object.assign(state, { offered: NOTHING, place: 0 }) });
