// The auditor's page: who did what, one entry or one decision computed again, the chain checked.
// The entry that is open stands in the address, so that a link shows the same.

import { facts, fill, h, moment } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { AUDIT } from "/console/audit_words.js";
import { record } from "/console/record.js";
import { WORDS } from "/console/words.js";

const POLL_MS = 700;
const state = { asked: {}, acts: null, onward: null, chain: null, opened: null, turn: 0 };
const t = () => ({ ...WORDS[frame.language], ...AUDIT[frame.language] });
const isAuditor = () => Boolean(frame.status?.person?.roles.includes("auditor"));

// --- who did what --------------------------------------------------------------------------------

function wanted(form) {
  const { who, kind, day } = form.elements;
  return { person: who.value.trim(), kind: kind.value, ...(day.value && { day: day.value }) };
}

async function find(asked, before = null) {
  const turn = ++state.turn;
  try {
    const page = await ask("POST", "/audit/acts", { ...asked, ...(before && { before }) });
    if (turn !== state.turn) return;
    Object.assign(state, { asked, onward: page.onward, acts: before ? [...state.acts, ...page.acts] : page.acts });
    showKinds();
    say($("problem"), null);
  } catch (error) {
    if (turn === state.turn) say($("problem"), error);
  }
  showActs();
}

function showActs() {
  $("more").hidden = !state.onward;
  if (!state.acts) return;
  if (!state.acts.length) return fill($("acts"), h("p", { class: "soft" }, state.onward ? t().noneYet : t().noActs));
  const head = [t().at, t().who, t().kind, t().about, ""].map((word) => h("th", {}, word));
  fill($("acts"), h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, state.acts.map(actRow))));
}

const kindWords = (kind) => t().kinds[kind] ?? kind;
const toDecision = (id) => h("a", { class: "to-decision", href: `#/decision/${id}` }, id);
const linkOf = ({ kind, id }) => `#/${kind === "decision" ? "decision" : "entry"}/${id}`;

function actRow(act) {
  const about = Object.entries(act.about).map(([name, value]) => `${t().fields[name] ?? name} ${valueWords(value)}`);
  return h("tr", {},
    h("td", { class: "mono" }, moment(act.at)),
    h("td", {}, act.people.join(" · ") || "—"),
    h("td", { title: act.kind }, kindWords(act.kind)),
    h("td", { class: "soft small about" }, about.join(" · "), act.decision ? h("div", {}, `${t().itsDecision} `, toDecision(act.decision)) : null),
    h("td", {}, h("a", { href: linkOf(act) }, act.kind === "decision" ? t().replayIt : t().open)));
}

const valueWords = (value) => (typeof value === "boolean" ? (value ? t().yes : t().no) : `${value}`);

function showKinds() {
  const chosen = $("kind").value;
  const known = t().kinds;
  const others = [chosen, ...(state.acts ?? []).map((act) => act.kind)].filter((kind) => kind && !(kind in known));
  const options = [["", t().anyKind], ...Object.entries(known), ...[...new Set(others)].map((kind) => [kind, kind])];
  fill($("kind"), options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

// --- the chain -----------------------------------------------------------------------------------

async function check(method) {
  try {
    state.chain = await ask(method, "/audit/chain");
    say($("chain-problem"), null);
  } catch (error) {
    say($("chain-problem"), error);
    return;
  }
  showChain();
  if (state.chain.checking) setTimeout(() => isAuditor() && check("GET"), POLL_MS);
  else if (method === "GET" && state.acts && state.chain.by) find(state.asked);
}

function showChain() {
  const { checking, held, broken, seconds, by, at } = state.chain ?? {};
  $("check").disabled = Boolean(checking);
  const lasted = `${(seconds ?? 0).toFixed(1)} s`;
  if (checking) return fill($("chain"), h("p", { class: "soft" }, t().checking(lasted)));
  if (!at) return fill($("chain"), h("p", { class: "soft" }, t().neverChecked));
  if (!held) return fill($("chain"), h("p", { class: "replay differs" }, t().chainBroken), h("p", { class: "problem" }, broken));
  const counted = held.entries.toLocaleString("en-US");
  fill($("chain"),
    h("p", { class: "replay same" }, t().chainHolds(counted)),
    facts([
      [t().from, held.first ? moment(held.first) : "—"],
      [t().until, held.last ? moment(held.last) : "—"],
      [t().segments, `${held.segments}`],
      [t().lasted, lasted],
      [t().checkedBy, `${by} · ${moment(at)}`],
      [t().headDigest, h("span", { title: held.head }, held.head.slice(0, 16)), true],
    ]));
}

// --- one entry -----------------------------------------------------------------------------------

async function showEntry() {
  const [, what, id] = location.hash.split("/");
  const back = h("a", { class: "back", href: "#/" }, t().back);
  const key = `${what}/${id}`;
  try {
    if (state.opened?.key !== key) {
      const path = what === "decision" ? "/explain/" : "/audit/entries/";
      state.opened = { key, told: await ask("GET", path + encodeURIComponent(decodeURIComponent(id))) };
    }
    fill($("entry"), back, what === "decision" ? record(state.opened.told, t(), frame.language) : entryCard(state.opened.told));
  } catch (error) {
    const problem = h("p", { class: "problem" });
    say(problem, error);
    fill($("entry"), back, problem);
  }
}

function entryCard(told) {
  const rows = [[t().at, moment(told.at)], [t().kind, `${kindWords(told.kind)}（${told.kind}）`]];
  if (told.decision) rows.push([t().itsDecision, toDecision(told.decision), true]);
  if (told.columns.length) rows.push([t().columns, told.columns.join(", "), true]);
  rows.push([t().personal, t()[`personal_${told.personal}`]]);
  return h("section", { class: "card" },
    h("h1", {}, t().entryTitle, h("code", {}, told.id)),
    facts(rows),
    h("pre", { class: "body" }, JSON.stringify(told.body, null, 2)));
}

// --- events --------------------------------------------------------------------------------------

function show() {
  const person = frame.status?.person;
  const opening = isAuditor() && /^#\/(entry|decision)\/./.test(location.hash);
  $("audit").hidden = !isAuditor() || opening;
  $("entry").hidden = !person || (isAuditor() && !opening);
  if (!person) return;
  if (!isAuditor()) return fill($("entry"), h("p", { class: "problem", id: "not-auditor" }, t().notAuditor));
  if (opening) return showEntry();
  showKinds();
  showChain();
  showActs();
  if (!state.acts && !state.turn) {
    find({});
    check("GET");
  }
}

function forget() {
  Object.assign(state, { asked: {}, acts: null, onward: null, chain: null, opened: null, turn: 0 });
  fill($("acts"));
  fill($("entry"));
}

$("find").addEventListener("submit", (event) => {
  event.preventDefault();
  find(wanted(event.target));
});
$("more").addEventListener("click", () => find(state.asked, state.onward));
$("check").addEventListener("click", () => check("POST"));
$("replay").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = `#/decision/${encodeURIComponent(event.target.elements.decision.value.trim())}`;
});
window.addEventListener("hashchange", show);
start({ words: t, show, forget });
