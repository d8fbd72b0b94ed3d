// What every page of the console has around it: the way to the others, who is signed in, the
// language, the service's pulse, and the one way of asking. A name and a password make a session,
// whose cookie no script can read; a key lives in this tab's session storage and goes to this
// service only. A session that ended takes nothing that was typed with it.

import { WORDS, keep, preferred } from "/console/words.js";
import { fill, h } from "/console/draw.js";

const KEY = "finmodel.key";
const LOOK_MS = 5000;
const ACTS_FOR_MS = 60_000; // so long after a key or a click what is asked is a person's doing
const TURNED = "#sign-in/";
const PAGES = { "/": "brand", "/underwriting": "underwriting", "/monitoring": "monitoring", "/marketing": "marketing", "/road": "road", "/audit": "audit" };

// The pages of the assistant's service, and of all pages those that are one role's.
export const ASSISTANT = { "/": "assistant", "/quality": "quality", "/scripts": "scripts" };
const OF_ROLE = { "/scripts": "script_editor" };

export const frame = { language: preferred(), status: null, reached: true };

// When a person last did something here, and who it was whose session ended.
let acted = 0;
let before = null;

// Why somebody came back from the identity provider without a session; the address says it once.
let turned = "";

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
  const headers = { ...more.headers, "X-Finmodel": Date.now() - acted < ACTS_FOR_MS ? "act" : "look" };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { ...more, method, headers, body: body && JSON.stringify(body) });
  if (answer.status === 401 && path !== "/session" && path !== "/status") look();
  if (!answer.ok) throw new Refusal(answer.status, (await answer.json()).error, Number(answer.headers.get("Retry-After")));
  return answer;
}

export const ask = async (method, path, body) => (await sent(method, path, body)).json();

// Ask for a file, with a body or without, and hand it to the browser to keep.
export async function download(path, body, name) {
  const address = URL.createObjectURL(await (await sent(body ? "POST" : "GET", path, body)).blob());
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
  const shown = seen();
  const last = frame.status?.person?.name;
  try {
    frame.status = await ask("GET", "/status");
    frame.reached = true;
    meet(last);
  } catch (error) {
    if (error.status === 401) leave(true);
    frame.reached = error instanceof Refusal;
  }
  if (seen() !== shown) showFrame();
}

// Whoever comes back after their session ended finds all as it was; anybody else finds nothing.
function meet(last) {
  const now = frame.status.person?.name;
  if (last && !now) {
    before = last;
    $("own-name").value = last;
  }
  if (now && (before ?? last ?? now) !== now) {
    const key = sessionStorage.getItem(KEY);
    sessionStorage.clear();
    if (key) sessionStorage.setItem(KEY, key);
    inside.forget();
    for (const form of document.querySelectorAll("main form")) form.reset();
  }
  if (now) before = null;
  $("session-ended").hidden = !before;
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
  for (const link of document.querySelectorAll("#top [data-role]")) link.hidden = !person?.roles.includes(link.dataset.role);
  $("leave").hidden = !person;
  $("sign-in").hidden = Boolean(person);
  if (person) turned = "";
  showProvider(status?.provider);
  const ready = reached && status?.ready;
  $("service").className = `pulse ${ready ? "good" : "bad"}`;
  $("service").textContent = !reached ? t().unreachable : ready ? t().ready : t().notReady;
  $("service").title = status?.trouble ?? "";
  showBanner();
  sayAgain();
  inside.show();
}

// The way to the identity provider. While something typed is still on the page it leads into
// another tab: the session is the browser's, and this page finds it there.
function showProvider(provider) {
  const link = $("provider");
  link.hidden = !provider;
  link.textContent = provider ? t().signInAt(provider) : "";
  link.href = `/session/oidc?to=${encodeURIComponent(location.pathname)}`;
  link.target = before ? "_blank" : "";
  const words = t().turned;
  $("provider-problem").hidden = !turned;
  $("provider-problem").textContent = turned && words[Object.hasOwn(words, turned) ? turned : "failed"];
}

function showBanner() {
  const status = frame.status;
  $("banner").hidden = !(status?.demo || status?.clock_stands);
  if ($("banner").hidden) return;
  const day = new Date(status.clock).toLocaleDateString("sv-SE", { timeZone: "Asia/Shanghai" });
  const told = status.demo ? [h("b", {}, t().banner(day)), h("span", {}, t().bannerMore)] : h("b", {}, t().stands(day));
  fill($("banner"), told);
}

// `expired`: nobody left, the key ended by itself.
function leave(expired = false) {
  sessionStorage.clear();
  frame.status = null;
  before = null;
  inside.forget(expired);
}

async function goOut() {
  try {
    await sent("DELETE", "/session");
  } catch (error) {
    if (!(error instanceof Refusal)) return look(); // not reached: still signed in, and shown so
  }
  leave();
  look();
}

// A session by name and password; where it is refused the name stays in the form.
async function comeIn(event) {
  event.preventDefault();
  const { name, password } = event.target.elements;
  const given = { name: name.value.trim(), password: password.value };
  password.value = "";
  try {
    await ask("POST", "/session", given);
  } catch (error) {
    return say($("session-problem"), error);
  }
  say($("session-problem"), null);
  sessionStorage.removeItem(KEY);
  await look();
  $("session-not-kept").hidden = Boolean(frame.status?.person);
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
    others.map(([address, name]) => word("a", { class: "nav", href: address, "data-role": OF_ROLE[address] }, name)),
    h("span", { id: "service", class: "pulse", role: "status" }),
    h("span", { class: "spring" }),
    h("span", { id: "person", class: "person" }),
    word("button", { id: "leave", class: "quiet", type: "button", hidden: true }, "leave"),
    h("button", { id: "language", class: "quiet", type: "button", lang: "en" }),
  );
  const named = h("form", { id: "session-form", onsubmit: comeIn, hidden: window !== parent },
    word("p", { id: "session-ended", class: "problem", role: "alert", hidden: true }, "sessionEnded"),
    word("label", { for: "own-name" }, "ownName"),
    h("input", { id: "own-name", name: "name", autocomplete: "username", spellcheck: "false", maxlength: 64, required: true }),
    word("label", { for: "password" }, "password"),
    h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", maxlength: 128, required: true }),
    h("p", { id: "session-problem", class: "problem", role: "alert", hidden: true }),
    word("p", { id: "session-not-kept", class: "problem", role: "alert", hidden: true }, "sessionNotKept"),
    word("button", { class: "main", type: "submit" }, "signIn"),
    h("p", { id: "provider-problem", class: "problem", role: "alert", hidden: true }),
    h("a", { id: "provider", class: "button", hidden: true, rel: "noopener" }));
  const form = h("form", { id: "key-form", onsubmit: enter },
    word("label", { for: "key" }, "key"),
    h("input", { id: "key", name: "key", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "fm_…", required: true }),
    h("p", { id: "key-problem", class: "problem", role: "alert", hidden: true }),
    word("button", { class: "quiet", type: "submit" }, "useKey"));
  document.querySelector("main").prepend(
    h("section", { id: "sign-in", class: "card narrow", "aria-labelledby": "sign-in-title", hidden: true },
      word("h1", { id: "sign-in-title" }, "signInTitle"), named, word("p", { class: "soft" }, "signInText"), form));
}

export function start(page) {
  inside = { ...inside, ...page };
  if (location.hash.startsWith(TURNED)) {
    turned = location.hash.slice(TURNED.length);
    history.replaceState(null, "", location.pathname);
  }
  furnish();
  $("leave").addEventListener("click", goOut);
  for (const one of ["keydown", "pointerdown"]) document.addEventListener(one, () => (acted = Date.now()), { capture: true, passive: true });
  $("language").addEventListener("click", () => {
    frame.language = frame.language === "zh" ? "en" : "zh";
    keep(frame.language);
    showFrame();
  });
  setInterval(() => document.hidden || look(), LOOK_MS);
  showFrame();
  look();
}
