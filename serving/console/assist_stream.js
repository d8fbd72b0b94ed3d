// Server-sent events of one answer: each event's name and what it tells, as they come. Aborting the
// signal leaves, and whoever writes stops. A stream that breaks before its end is asked for again.

import { Refusal, sent } from "/console/frame.js";

const TRIES = 5;

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

// The same until `done`, or until `stale`, where the customer wrote again: asked again, some times and ever later, where the stream broke or there was
// no room. Why is told to `troubled` each time.
export async function* listenOn(path, body, signal, troubled) {
  for (let tries = 1; ; tries += 1) {
    try {
      for await (const event of listen(path, body, signal)) {
        yield event;
        if (event.name === "done" || event.name === "stale") return;
      }
      throw new TypeError("the stream ended before it was done");
    } catch (error) {
      if (tries > TRIES || !passing(error)) throw error;
      troubled(error);
      await pause(secondsUntilAgain(error, tries), signal);
    }
  }
}

// What may go better in a moment: a broken line, and a service without room.
export const passing = (error) => error.name !== "AbortError" && (!(error instanceof Refusal) || [503, 504].includes(error.status));
export const secondsUntilAgain = (error, tries) => Math.min((error.after || 1) * 2 ** (tries - 1), 30);

export const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });

function event(text) {
  const lines = text.split("\n");
  const of = (name) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length)).join("\n");
  return { name: of("event: "), told: JSON.parse(of("data: ") || "null") };
}
