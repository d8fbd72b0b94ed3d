// What an agent is offered for one question, as the agent's page and the panel both hold it.

export const NOTHING = { shown: null, after: "", list: [], verification: null, routed: null, reason: "", done: false, at: 0 };

// The suggestions, and behind them the one that asks for verification.
export const all = ({ list, verification }) => [...list, ...(verification ? [verification] : [])];

export const textOf = (one) => one.sentences.map((part) => part.text).join("");

// The scripts that are there at once, and everything in the end.
export const atOnce = (told, after = "") => ({ ...NOTHING, after, list: told.suggestions, verification: told.verification, routed: told.routed });
export const inTheEnd = (told) => ({ ...told, list: told.suggestions, done: true, at: performance.now() });
export const secondsSince = ({ at }) => (performance.now() - at) / 1000;
