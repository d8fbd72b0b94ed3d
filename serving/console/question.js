// What is asked of monitoring: read from an address or the form, and written back. An address may
// come from anywhere: what cannot be meant is left out, and named. Days are the lender's, +08:00.

export const USUAL = 52;
export const FACTS = ["product", "channel", "decision", "rule", "lane"];
const DAY_MS = 86_400_000;
const ZONE_MS = 8 * 3_600_000;
const TIME = /^[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

const whole = (most) => (value) => Number.isInteger(value) && value >= 1 && value <= most;
const time = (value) => typeof value === "string" && TIME.test(value) && !Number.isNaN(Date.parse(value));
const word = (value) => typeof value === "string" && value.length > 0 && value.length <= 64;
const plain = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// What the service takes, as serving/monitoring/asked.py has it.
const FIELDS = {
  model: word,
  version: whole(1e9),
  weeks: whole(520),
  start: time,
  end: time,
  by: (value) => ["week", "month"].includes(value),
  segment: (value) => plain(value) && Object.entries(value).every(([fact, held]) => FACTS.includes(fact) && word(held)),
  window_days: whole(3650),
  bad_dpd: whole(3650),
};

function parsed(hash) {
  try {
    return JSON.parse(decodeURIComponent(hash.slice(1)));
  } catch {
    return null; // a link that was cut short
  }
}

// The question of an address, null where it has none, and the names of what was left out of it;
// `broken` where nothing of it could be read.
export function fromAddress(hash) {
  if (hash.length < 2) return { question: null, dropped: [], broken: false };
  const given = parsed(hash);
  if (!plain(given) || !word(given.model)) return { question: null, dropped: [], broken: true };
  const told = Object.entries(given).filter(([, value]) => value !== null);
  const holds = ([name, value]) => Object.hasOwn(FIELDS, name) && FIELDS[name](value);
  const question = { weeks: USUAL, ...Object.fromEntries(told.filter(holds)) };
  return { question, dropped: told.filter((one) => !holds(one)).map(([name]) => name), broken: false };
}

export const toAddress = (question) => `#${encodeURIComponent(JSON.stringify(question))}`;

const dayOf = (ms) => new Date(ms + ZONE_MS).toISOString().slice(0, 10);
const begins = (day) => `${day}T00:00:00+08:00`;
const dayAfter = (day) => new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);

export const firstDay = ({ start }) => (start ? dayOf(Date.parse(start)) : "");

// The last day that is counted: a window reaches up to, and not including, its end.
export const lastDay = ({ end }) => (end ? dayOf(Date.parse(end) - 1) : "");

// With a first day alone the window reaches up to now; with a last day alone it is as long as usual.
export function fromForm(form) {
  const question = { model: form.model.value, weeks: Number(form.weeks.value) || USUAL };
  if (form.version.value) question.version = Number(form.version.value);
  if (form.by.value) question.by = form.by.value;
  if (form.fact.value && form.value.value.trim()) question.segment = { [form.fact.value]: form.value.value.trim() };
  if (form.weeks.value !== "dates") return question;
  if (form.start.value) question.start = begins(form.start.value);
  if (form.end.value) question.end = begins(dayAfter(form.end.value));
  return question;
}

export function segmentIn(segment, words) {
  return Object.entries(segment).map(([fact, value]) => `${words.facts[fact] ?? fact} = ${value}`).join(", ") || words.everyone;
}

// What the decisions behind a point have in common, in words.
export function pointIn(point, words) {
  const said = {
    state: (value) => words[value],
    swap: (value) => value.map((yes) => (yes ? words.yes : words.no)).join(" / "),
  };
  const told = Object.entries(point).filter(([, value]) => value !== false && value !== null);
  return told.map(([name, value]) => `${words.about[name]} ${value === true ? "" : (said[name]?.(value) ?? value)}`.trim()).join(" · ");
}
