// What an agent is offered for one question, as the agent's page and the panel both hold it.

export const NOTHING = { shown: null, list: [], verification: null, routed: null, recalled: [], reason: "", done: false, stale: false, at: 0 };

// The suggestions, and behind them the one that asks for verification.
export const all = ({ list, verification }) => [...list, ...(verification ? [verification] : [])];

export const textOf = (one) => one.sentences.map((part) => part.text).join("");

// Where a suggestion that was taken stands among those of the end; 0 where it was given up.
export const placeOf = (taken, offered) =>
  all(offered).findIndex((one) => one.kind === taken.kind && (one.script ?? "") === (taken.script ?? "")) + 1;

// The scripts that are there at once, and everything in the end.
// Scripts beside which somebody writes have their id at once: whoever takes one waits for nothing.
export const atOnce = (told) => ({ ...NOTHING, shown: told.shown || null, list: told.suggestions, verification: told.verification, routed: told.routed, at: performance.now() });
export const inTheEnd = (told) => ({ ...NOTHING, ...told, list: told.suggestions, done: true, at: performance.now() });

// What a reply is booked on; before the end on scripts alone, by their names, since places may change
// till then.
export const bookedOn = ({ offered, place }) => {
  if (offered.done) return { shown: offered.shown, place };
  const taken = all(offered)[place - 1];
  if (!offered.shown || taken?.writing) return null;
  return { shown: offered.shown, place, script: taken?.script ?? "" };
};

// What the engine had to read for it, as far as it says so; empty where none was asked.
export const readOf = ({ prompt_tokens: tokens, kept_tokens: kept }, t) => (tokens ? t.read(tokens, kept) : "");
export const secondsSince = ({ at }) => (performance.now() - at) / 1000;
