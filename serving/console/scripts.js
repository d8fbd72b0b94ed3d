// The script editor's page: a workbook in and out, what waits beside what it takes the place of,
// and what was published. What is published is what this page showed: each draft by its digest.

import { fill, h, moment } from "/console/draw.js";
import { $, ASSISTANT, ask, download, frame, say, start } from "/console/frame.js";
import { SCRIPTS } from "/console/scripts_words.js";
import { WORDS } from "/console/words.js";

const NOBODY = { told: null, taken: null, done: null };
const state = { busy: false, asked: "", left: new Set(), ...NOBODY };
const t = () => ({ ...WORDS[frame.language], ...SCRIPTS[frame.language] });
const isEditor = () => Boolean(frame.status?.person?.roles.includes("script_editor"));
const keyOf = (draft) => `${draft.id}@${draft.digest}`;

async function look() {
  if (!isEditor()) return;
  const mine = frame.status.person.name;
  try {
    const told = await ask("GET", "/scripts/drafts");
    if (frame.status?.person?.name !== mine) return;
    state.told = told;
    showLists();
  } catch (error) {
    say($("problem"), error);
  }
}

// One act at a time; what it came to is shown, and what waits is looked at anew.
async function act(place, work) {
  if (state.busy) return;
  state.busy = true;
  state.done = null;
  for (const one of ["problem", "book-problem"]) say($(one), null);
  showLists();
  try {
    await work();
  } catch (error) {
    say($(place), error);
  }
  state.busy = false;
  showLists();
  await look();
}

async function base64(file) {
  const reader = new FileReader();
  await new Promise((done, failed) => {
    Object.assign(reader, { onload: done, onerror: failed });
    reader.readAsDataURL(file);
  });
  return reader.result.slice(reader.result.indexOf(",") + 1);
}

function bring(dryRun) {
  if (!$("bring").reportValidity()) return;
  const [file] = $("file").files;
  state.taken = null;
  act("book-problem", async () => {
    state.taken = await ask("POST", "/scripts/import", { name: file.name, data: await base64(file), dry_run: dryRun });
  });
}

function settle(what, drafts) {
  act("problem", async () => {
    const { ids } = await ask("POST", `/scripts/${what}`, { drafts: drafts.map(keyOf) });
    state.done = { what, ids };
  });
}

// --- showing -------------------------------------------------------------------------------------

const table = (head, rows) => h("table", {}, h("thead", {}, h("tr", {}, head.map((word) => h("th", {}, word)))), h("tbody", {}, rows));
const cells = (...told) => h("tr", {}, told.map((one) => h("td", {}, one)));

function valueWords({ field }, value, draft) {
  if (field === "intent" && value) return `${draft.intent_zh}（${value}）`;
  if (field !== "needs" && field !== "account") return value;
  return value.split(", ").map((one) => t().values[one] ?? one).join(t().and);
}

function draftRow(draft) {
  const tick = (event) => state.left[event.target.checked ? "delete" : "add"](keyOf(draft));
  const changes = draft.changes.map((one) =>
    cells(t().fields[one.field] ?? one.field, valueWords(one, one.before, draft) || "—", valueWords(one, one.after, draft) || "—"));
  return h("section", { class: "draft", "data-id": draft.id },
    h("h3", {},
      h("input", { type: "checkbox", checked: !state.left.has(keyOf(draft)), onchange: tick, "aria-label": draft.id }),
      ` ${draft.id} `,
      h("span", { class: "version" }, t().nth(draft.version)),
      h("small", {}, `${t().kinds[draft.kind]} · ${t().changes[draft.change]}`)),
    table([t().field, t().before, t().after], changes));
}

// All of one author's: a script and the fact that it must agree with are published together.
function authorCard([author, drafts]) {
  const chosen = () => drafts.filter((one) => !state.left.has(keyOf(one)));
  const count = (kind) => drafts.filter((one) => one.kind === kind).length;
  const last = drafts.map((one) => one.at).sort().at(-1);
  const button = (what, kind) => h("button", { class: kind, type: "button", disabled: state.busy, "data-act": what, onclick: () => chosen().length && settle(what, chosen()) }, t()[what]);
  return h("article", { "data-author": author },
    h("p", {}, h("b", {}, author), h("span", { class: "soft" }, ` · ${moment(last)} · ${t().counts(count("script"), count("fact"))}`)),
    drafts.map(draftRow),
    button("publish", "main"), h("p", { class: "examples" }, button("discard", "quiet")));
}

function showDrafts() {
  const drafts = state.told?.drafts ?? [];
  const authors = [...new Set(drafts.map((one) => one.author))];
  const groups = authors.map((name) => [name, drafts.filter((one) => one.author === name)]);
  fill($("drafts"), groups.length ? groups.map(authorCard) : h("p", { class: "soft" }, state.told ? t().noDrafts : ""));
  $("done").hidden = !state.done;
  $("done").textContent = state.done ? t().settled[state.done.what](state.done.ids.join(t().and)) : "";
}

function showVersions() {
  const versions = state.told?.versions ?? [];
  if (!versions.length) return fill($("versions"), h("p", { class: "soft" }, state.told ? t().noVersions : ""));
  const moved = ({ id, version, change }) => `${id} ${t().nth(version)} ${t().changes[change]}`;
  const writer = (name) => (name === "shipped" ? t().shipped : name);
  const rows = versions.map((one) => cells(
    h("b", {}, `${one.version}`), moment(one.at),
    [...new Set(one.moves.map((move) => writer(move.author)))].join(t().and), one.by,
    one.moves.map((move) => h("div", { class: "small" }, moved(move)))));
  fill($("versions"), table(t().versionColumns, rows));
}

const reasonWords = (reason) => (frame.language === "zh" ? `${t().refused({ code: "BadInput", what: reason })}（${reason}）` : reason);

function showTaken() {
  const { taken } = state;
  if (!taken) return fill($("taken"));
  const { added, changed, unchanged, waiting, rejected } = taken;
  const unread = [...taken.sheets_not_read, ...taken.columns_not_read];
  fill($("taken"),
    h("p", { class: rejected.length ? "warning" : "replay same" }, t().became(taken.dry_run, added.length, changed.length, unchanged, waiting, rejected.length)),
    unread.length ? h("p", { class: "soft small" }, t().unread(unread.join(t().and))) : null,
    rejected.map((one) => h("p", { class: "problem", "data-row": one.row }, h("b", {}, t().row(one.row, one.id)), h("br"), reasonWords(one.reason))));
}

function showLists() {
  showDrafts();
  showVersions();
  showTaken();
  for (const id of ["try", "import", "export"]) $(id).disabled = state.busy;
}

function show() {
  const person = frame.status?.person;
  $("scripts").hidden = !isEditor();
  $("nothing").hidden = !person || isEditor();
  showLists();
  if (!person) state.asked = "";
  else if (state.asked !== person.name) {
    state.asked = person.name;
    look();
  }
}

function forget() {
  Object.assign(state, NOBODY);
  state.left.clear();
  for (const one of ["problem", "book-problem"]) say($(one), null);
  $("bring").reset();
  showLists();
}

$("bring").addEventListener("submit", (event) => {
  event.preventDefault();
  bring(false);
});
$("try").addEventListener("click", () => bring(true));
$("export").addEventListener("click", () => act("book-problem", () => download("/scripts/workbook", null, `${t().title}.xlsx`)));
document.addEventListener("visibilitychange", () => document.hidden || look());
start({ pages: ASSISTANT, words: t, show, forget });
