// What every page of the console has around it: the way to the others, the key, the language, the
// service's pulse, and the one way of asking. The key lives in this tab's session storage and goes
// to this service only.

import { WORDS, keep, preferred } from "/console/words.js";
import { fill, h } from "/console/draw.js";

const KEY = "finmodel.key";
const LOOK_MS = 5000;
const PAGES = { "/": "brand", "/monitoring": "monitoring", "/marketing": "marketing" };

export const frame = { language: preferred(), status: null, reached: true };

export const $ = (id) => document.getElementById(id);

// What the page around this frame is: its words, and what it shows and forgets.
let inside = { pages: PAGES, words: () => WORDS[frame.language], show: () => {}, forget: () => {} };
const t = () => inside.words();

export class Refusal extends Error {
  constructor(status, problem, after = 0) {
    super(problem.what);
    this.status = status;
    this.after = after; // so many seconds until it may be asked again, where the service says so
    this.problem = problem;
  }
}

// What the service answers, as it comes; a refusal is thrown. `more` are fetch's own options.
export async function sent(method, path, body, more = {}) {
  const headers = { ...more.headers };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { ...more, method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Refusal(answer.status, (await answer.json()).error, Number(answer.headers.get("Retry-After")));
  return answer;
}

export const ask = async (method, path, body) => (await sent(method, path, body)).json();

// Ask for a file, and hand it to the browser to keep.
export async function download(path, body, name) {
  const address = URL.createObjectURL(await (await sent("POST", path, body)).blob());
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// What the service refuses, led in by its kind in the language of the page: on a Chinese page a
// Chinese sentence, and behind it, as on an English one, the service's own words.
export function sentence({ code, where, what, remedy }, words) {
  const lead = words.codes[code] ?? words.codes.other;
  const own = [where, what, remedy].filter(Boolean).join(" — ");
  const told = words.refused({ code, what });
  return told ? `${lead}${told}（${own}）` : `${lead}${own}`;
}

// Said again when the language changes.
const said = new Map();

export function say(place, error) {
  if (error) said.set(place, error);
  else said.delete(place);
  place.hidden = !error;
  if (!error) return;
  place.textContent = error instanceof Refusal ? sentence({ ...error.problem, where: "" }, t()) : t().failed;
}

function sayAgain() {
  for (const [place, error] of said) {
    if (place.isConnected) say(place, error);
    else said.delete(place);
  }
}

export async function look() {
  const before = seen();
  try {
    frame.status = await ask("GET", "/status");
    frame.reached = true;
  } catch (error) {
    if (error.status === 401) leave();
    frame.reached = error instanceof Refusal;
  }
  if (seen() !== before) showFrame();
}

// What a look can change on the page: the running clock alone is no reason to draw it again.
const seen = () => JSON.stringify([frame.reached, { ...frame.status, clock: null }]);

export function showFrame() {
  const { status, reached } = frame;
  document.documentElement.lang = frame.language === "zh" ? "zh-CN" : "en";
  document.title = `${t().title} · finmodel`;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t()[element.dataset.t];
  }
  $("language").textContent = t().otherLanguage;
  $("language").lang = frame.language === "zh" ? "en" : "zh-CN";
  const person = status?.person;
  fill($("person"), person ? [h("b", {}, person.name), ` ${person.roles.map((role) => t().roles[role] ?? role).join(" · ")}`] : []);
  $("leave").hidden = !person;
  $("sign-in").hidden = Boolean(person);
  const ready = reached && status?.ready;
  $("service").className = `pulse ${ready ? "good" : "bad"}`;
  $("service").textContent = !reached ? t().unreachable : ready ? t().ready : t().notReady;
  $("service").title = status?.trouble ?? "";
  showBanner();
  sayAgain();
  inside.show();
}

function showBanner() {
  const status = frame.status;
  $("banner").hidden = !(status?.demo || status?.clock_stands);
  if ($("banner").hidden) return;
  const day = new Date(status.clock).toLocaleDateString("sv-SE", { timeZone: "Asia/Shanghai" });
  const told = status.demo ? [h("b", {}, t().banner(day)), h("span", {}, t().bannerMore)] : h("b", {}, t().stands(day));
  fill($("banner"), told);
}

function leave() {
  sessionStorage.clear();
  frame.status = null;
  inside.forget();
}

async function enter(event) {
  event.preventDefault();
  sessionStorage.setItem(KEY, event.target.key.value.trim());
  event.target.reset();
  await look();
  const wrong = !frame.status?.person;
  $("key-problem").hidden = !wrong;
  $("key-problem").textContent = t().keyWrong;
  if (wrong) look();
}

const word = (tag, attributes, name) => h(tag, { ...attributes, "data-t": name });

// The head of the page, and where a key is asked for.
function furnish() {
  const icon = h("img", { src: "/console/icon.svg", alt: "", width: 26, height: 26 });
  const others = Object.entries(inside.pages).filter(([address]) => address !== location.pathname);
  fill(
    $("top"),
    h("a", { class: "brand", href: location.pathname === "/" ? "#/" : location.pathname }, icon, word("span", {}, "title")),
    others.map(([address, name]) => word("a", { class: "nav", href: address }, name)),
    h("span", { id: "service", class: "pulse", role: "status" }),
    h("span", { class: "spring" }),
    h("span", { id: "person", class: "person" }),
    word("button", { id: "leave", class: "quiet", type: "button", hidden: true }, "leave"),
    h("button", { id: "language", class: "quiet", type: "button", lang: "en" }),
  );
  const form = h("form", { id: "key-form", onsubmit: enter },
    word("label", { for: "key" }, "key"),
    h("input", { id: "key", name: "key", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "fm_…", required: true }),
    h("p", { id: "key-problem", class: "problem", role: "alert", hidden: true }),
    word("button", { class: "main", type: "submit" }, "signIn"));
  document.querySelector("main").prepend(
    h("section", { id: "sign-in", class: "card narrow", "aria-labelledby": "sign-in-title", hidden: true },
      word("h1", { id: "sign-in-title" }, "signInTitle"), word("p", { class: "soft" }, "signInText"), form));
}

export function start(page) {
  inside = { ...inside, ...page };
  furnish();
  $("leave").addEventListener("click", () => {
    leave();
    look();
  });
  $("language").addEventListener("click", () => {
    frame.language = frame.language === "zh" ? "en" : "zh";
    keep(frame.language);
    showFrame();
  });
  setInterval(() => document.hidden || look(), LOOK_MS);
  showFrame();
  look();
}
