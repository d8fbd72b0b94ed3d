// Server-sent events of one answer: each event's name and what it tells, as they come. Aborting the
// signal leaves, and whoever writes stops.

import { sent } from "/console/frame.js";

export async function* listen(path, body, signal) {
  const answer = await sent("POST", path, body, { signal, headers: { Accept: "text/event-stream" } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    for (let end = held.indexOf("\n\n"); end >= 0; end = held.indexOf("\n\n")) {
      yield event(held.slice(0, end));
      held = held.slice(end + 2);
    }
  }
}

function event(text) {
  const lines = text.split("\n");
  const of = (name) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length)).join("\n");
  return { name: of("event: "), told: JSON.parse(of("data: ")) };
}
