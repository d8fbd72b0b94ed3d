// What an agent is offered for one question, as the agent's page and the panel both hold it.

export const NOTHING = { shown: null, after: "", list: [], verification: null, routed: null, reason: "", done: false, at: 0 };

// The suggestions, and behind them the one that asks for verification.
export const all = ({ list, verification }) => [...list, ...(verification ? [verification] : [])];

export const textOf = (one) => one.sentences.map((part) => part.text).join("");

// Where a suggestion that was taken stands among those of the end; 0 where it was given up.
export const placeOf = (taken, offered) =>
  all(offered).findIndex((one) => one.kind === taken.kind && (one.script ?? "") === (taken.script ?? "")) + 1;

// The scripts that are there at once, and everything in the end.
export const atOnce = (told, after = "") => ({ ...NOTHING, after, list: told.suggestions, verification: told.verification, routed: told.routed });
export const inTheEnd = (told) => ({ ...told, list: told.suggestions, done: true, at: performance.now() });

// What the engine had to read for it, as far as it says so; empty where none was asked.
export const readOf = ({ prompt_tokens: tokens, kept_tokens: kept }, t) => (tokens ? t.read(tokens, kept) : "");
export const secondsSince = ({ at }) => (performance.now() - at) / 1000;
