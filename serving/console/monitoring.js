// The monitoring page: ask a question, show the last result at once, follow the newer one, and lead
// from every point to its decisions. The question stands in the address, so that a link repeats it.

import { alertsPanel } from "/console/alerts.js";
import { useCharts } from "/console/charts.js";
import { badge, fill, h, moment } from "/console/draw.js";
import { $, ask, download, frame, say, sentence, start } from "/console/frame.js";
import { MORE } from "/console/monitoring_words.js";
import { PANELS, cellName, pointOf, variableCharts } from "/console/panels.js";
import { FACTS, USUAL, firstDay, fromAddress, fromForm, lastDay, pointIn, segmentIn, toAddress } from "/console/question.js";
import { sheet } from "/console/sheets.js";
import { WORDS } from "/console/words.js";

const WEEKS = [4, 13, 26, 52, 104, 156, 260, 520];
const LOOK_MS = 600;
const LEADS = { psi: "stability", mean: "bands", csi: "variables", auc: "quality", calibration: "calibration", scores: "consistency" };

const state = { choices: null, question: null, mended: null, told: null, turn: 0 };
const t = () => ({ ...WORDS[frame.language], ...MORE[frame.language] });

// --- the question --------------------------------------------------------------------------------

const option = (value, text, chosen) => h("option", { value, selected: `${value}` === `${chosen}` }, text);

function showQuestion() {
  const asked = state.question;
  const words = t();
  const [fact, value] = Object.entries(asked.segment ?? {})[0] ?? ["", ""];
  const custom = Boolean(asked.start || asked.end);
  const lengths = [...new Set([...WEEKS, asked.weeks])].sort((a, b) => a - b);
  const names = state.choices.models.map((one) => one.name);
  if (!names.includes(asked.model)) names.push(asked.model);
  fill($("model"), names.map((name) => option(name, name, asked.model)));
  showVersions(asked.version ?? "");
  fill($("fact"), option("", words.everyone, fact), FACTS.map((name) => option(name, words.facts[name], fact)));
  fill($("weeks"), lengths.map((n) => option(n, words.lastWeeks(n), custom ? "" : asked.weeks)), option("dates", words.between, custom ? "dates" : ""));
  fill($("by"), Object.entries(words.periods).map(([name, word]) => option(name, word, asked.by ?? "")));
  $("value").value = value;
  $("start").value = firstDay(asked);
  $("end").value = lastDay(asked);
  showFields();
}

function showVersions(chosen) {
  const words = t();
  const model = state.choices.models.find((one) => one.name === $("model").value);
  const versions = (model?.versions ?? []).map((one) => option(one.version, `v${one.version} ${words[one.alias] ?? ""}`, chosen));
  fill($("version"), option("", words.champion, chosen), versions);
}

function showFields() {
  $("value").disabled = !$("fact").value;
  for (const id of ["start", "end"]) $(id).disabled = $("weeks").value !== "dates";
  const known = state.told?.segments[$("fact").value] ?? [];
  fill($("values"), known.map((value) => h("option", { value })));
}

// --- asking and following ------------------------------------------------------------------------

async function begin() {
  if (!state.choices) {
    try {
      state.choices = await ask("GET", "/monitor/choices");
    } catch (error) {
      return say($("problem"), error);
    }
    useCharts(state.choices.charts);
  }
  const first = state.choices.models[0];
  const address = fromAddress(location.hash);
  state.mended = address.broken || address.dropped.length ? address : null;
  state.question = address.question ?? (first ? { model: first.name, weeks: USUAL } : null);
  if (!state.question) {
    fill($("verdict"), h("p", { class: "nothing" }, t().noModel));
    return;
  }
  state.told = null;
  showQuestion();
  await follow(false);
}

// Look until nothing is being computed; a newer question ends an older one's looking.
async function follow(renew) {
  const turn = ++state.turn;
  let asksNewer = renew;
  for (;;) {
    let told;
    try {
      told = await ask("POST", "/monitor", { question: state.question, renew: asksNewer });
    } catch (error) {
      if (turn === state.turn) showRefused(error);
      return;
    }
    if (turn !== state.turn) return;
    asksNewer = false;
    const before = state.told;
    state.told = told;
    say($("problem"), null);
    if (told.computed_at !== before?.computed_at) showAll();
    else showVerdict();
    if (!told.doing) return;
    await new Promise((done) => setTimeout(done, LOOK_MS));
    if (turn !== state.turn) return;
  }
}

function showRefused(error) {
  state.told = null;
  say($("problem"), error);
  fill($("verdict"));
  $("verdict").hidden = true;
  fill($("panels"));
}

// --- the verdict ---------------------------------------------------------------------------------

function showVerdict() {
  const { told } = state;
  const words = t();
  $("verdict").hidden = false;
  const problem = told.problem
    ? h("p", { class: "problem" }, words.failedLast + sentence(told.problem, words))
    : null;
  fill($("verdict"), mendedOf(words), problem, told.panels ? lightOf(told.panels.header, words) : null, told.panels || problem ? null : h("p", { class: "nothing" }, words.opening), keptOf(told, words));
}

function mendedOf(words) {
  if (!state.mended) return null;
  const { broken, dropped } = state.mended;
  return h("p", { class: "problem", id: "mended" }, broken ? words.addressBroken : words.addressMended(dropped.join(", ").slice(0, 200)));
}

function lightOf(header, words) {
  const { light } = header;
  const segment = segmentIn(header.segment, words);
  const figure = (value, name) => h("div", { class: "figure small" }, h("b", {}, value.toLocaleString("en-US")), h("span", {}, name));
  return [
    h("h1", {}, h("span", { class: `lamp ${light.colour}`, id: "lamp", title: words.colours[light.colour] }),
      `${header.model} v${header.version}`, h("span", { class: "version" }, words[header.alias] ?? header.alias), h("span", { class: "soft small" }, segment)),
    h("p", { id: "reason" }, h("b", {}, words.colours[light.colour]), " · ", light[frame.language]),
    header.imported ? h("p", { class: "soft small", id: "imported" }, header[`imported_${frame.language}`]) : null,
    light.doubts_en ? h("p", { class: "soft small", id: "doubts" }, light[`doubts_${frame.language}`]) : null,
    h("div", { class: "signals" }, light.signals.map((one) =>
      h("button", { type: "button", class: "signal", title: one[frame.language], onclick: () => $(`panel-${LEADS[one.name]}`).scrollIntoView({ behavior: "smooth" }) },
        h("span", { class: `lamp ${one.colour}` }), words.signals[one.name]))),
    h("div", { class: "measures" },
      figure(header.n, header.unscored || header.by_card ? `${words.decisions} (${words.notByModel(header.by_card, header.unscored)})` : words.decisions),
      figure(header.matured, header.matured ? words.matured : `${words.matured} · ${words.notes.not_mature}`),
      figure(header.bads, words.bads)),
    h("p", { class: "soft small" }, `${words.windowOf} ${moment(header.start)} – ${moment(header.end)} · ${words.followedFor(header.window_days, header.bad_dpd)} · ${words.reference} ${frame.language === "zh" ? header.reference_zh : header.reference}`),
  ];
}

function keptOf(told, words) {
  const { doing } = told;
  const steps = { waiting: words.waiting, beginning: words.beginning, panels: words.panels, "segments of the audit log read": words.segmentsRead };
  return h("div", { class: "kept" },
    told.computed_at ? h("span", { id: "computed" }, words.computed(moment(told.computed_at), told.seconds.toFixed(1))) : null,
    doing
      ? h("span", { id: "doing", role: "status" }, `${words.computing}: ${steps[doing.what] ?? doing.what} `, h("progress", { max: doing.of, value: doing.done }))
      : h("span", {}, told.computed_at ? (told.current ? words.upToDate : words.newer) : ""),
    doing ? null : h("button", { type: "button", class: "quiet", id: "renew", onclick: () => follow(true) }, words.renew),
    told.panels ? excel({ panel: "" }, words.excelAll, "excel-all") : null);
}

// A button for a workbook of `which`: a panel, all of them, or a variable.
function excel(which, word, id) {
  const name = [state.question.model, which.panel, which.variable].filter(Boolean).join("-");
  const fetched = () => download("/monitor/workbook", { question: state.question, ...which }, `${name}.xlsx`).catch(complain);
  return h("button", { type: "button", class: "quiet", id, onclick: fetched }, word);
}

// --- the panels ----------------------------------------------------------------------------------

function showAll() {
  showVerdict();
  showFields();
  const { told } = state;
  if (!told.panels) return fill($("panels"));
  const words = t();
  const context = { panels: told.panels, t: words, drill: showBehind, openVariable };
  fill($("panels"), alertsNow(words), PANELS.map(({ key, broad, chart }) => panelOf(key, broad, chart(context), words)));
}

function panelOf(key, broad, content, words) {
  const [title, soft] = words.panel[key];
  const tables = state.told.tables.filter((one) => one.panel === key);
  const context = (place) => ({
    t: words,
    language: frame.language,
    pointOf: (row, column) => pointOf(state.told.panels, key, place, row, column),
    drill: (point) => (key === "variables" ? openVariable(point.variable) : showBehind(point)),
  });
  return h("section", { class: `card panel${broad ? " broad" : ""}`, id: `panel-${key}` },
    h("h2", {}, title, h("small", {}, soft), excel({ panel: key }, words.excel)),
    [content].flat(),
    h("details", {}, h("summary", {}, words.figures), tables.map((table, place) => [
      tables.length > 1 ? h("h3", {}, frame.language === "zh" ? table.zh : table.en) : null,
      sheet(table, context(place)),
    ])));
}

function alertsNow(words) {
  const { alerts, header } = state.told.panels;
  const may = state.choices.may_acknowledge ? acknowledge : null;
  return alertsPanel({ alerts, segment: header.segment, words, language: frame.language, button: excel({ panel: "alerts" }, words.excel), acknowledge: may });
}

async function acknowledge(event, id) {
  event.preventDefault();
  const form = event.target;
  try {
    const { alert } = await ask("POST", "/monitor/acknowledge", { id, note: form.note.value, owner: form.owner.value.trim() });
    state.told.panels.alerts = state.told.panels.alerts.map((one) => (one.id === id ? alert : one));
    $("panel-alerts").replaceWith(alertsNow(t()));
  } catch (error) {
    complain(error);
  }
}

// --- behind a point ------------------------------------------------------------------------------

function openBehind(title, ...content) {
  const dialog = $("behind");
  fill(dialog, h("header", {}, h("h2", { id: "behind-title" }, title), h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t().close)),
    h("p", { class: "problem", id: "behind-problem", role: "alert", hidden: true }), ...content);
  if (!dialog.open) dialog.showModal();
}

// Where whoever asked is looking: a dialog lies over the page.
function complain(error) {
  say($("behind").open ? $("behind-problem") : $("problem"), error);
}

async function openVariable(name) {
  const words = t();
  const row = state.told.panels.variables.find((one) => one.name === name);
  try {
    const variable = await ask("POST", "/monitor/variable", { question: state.question, name });
    const rows = variable.cells.map((cell) => [cellName(cell, words), cell.build_share, cell.share, cell.n, cell.csi_part]);
    const columns = ["cell", "build_share", "share", "n", "csi"].map((column) => [column, column]);
    const titles = [words.cellTitle, words.atBuild, words.now, words.count, words.part];
    const pointOfCell = (place, column) => (column === 0 ? { variable: name, cell: variable.cells[place].cell } : null);
    openBehind(name, h("p", {}, excel({ variable: name }, words.excel, "excel-variable")),
      variableCharts(variable, row, state.told.periods, { t: words, drill: showBehind }),
      sheet({ panel: "", columns, rows }, { t: words, language: frame.language, titles, pointOf: pointOfCell, drill: showBehind }));
  } catch (error) {
    complain(error);
  }
}

async function showBehind(point) {
  const words = t();
  const about = pointIn(point, words);
  try {
    const found = await ask("POST", "/monitor/decisions", { question: state.question, point });
    openBehind(`${words.behind}${about ? ` · ${about}` : ""}`,
      h("p", { class: "soft small" }, words.behindN(found.decisions.length, found.n)),
      found.decisions.length ? decisionTable(found.decisions, words) : h("p", { class: "nothing" }, words.behindNone));
  } catch (error) {
    complain(error);
  }
}

// A decision that was made elsewhere has no record here: its name says the load and the file's row.
const IMPORTED = "imported-";

function decisionTable(decisions, words) {
  const rows = decisions.map((one) => h("tr", {},
    h("td", { class: "mono" }, one.decision_id.startsWith(IMPORTED) ? one.decision_id : h("a", { href: `/#/explain/${one.decision_id}` }, one.decision_id)),
    h("td", {}, moment(one.at)),
    h("td", { class: "number" }, one.points.toFixed(1)),
    h("td", {}, badge(one.decision, words)),
    h("td", { class: `outcome ${one.outcome}` }, words.outcomes[one.outcome])));
  const head = [words.decisionId, words.time, words.points, words.show, words.outcome].map((word, place) => h("th", { class: place === 2 ? "number" : null }, place === 3 ? words.facts.decision : word));
  return h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
}

// --- events --------------------------------------------------------------------------------------

let shownTo = null;

function show() {
  const person = frame.status?.person?.name ?? null;
  $("watch").hidden = !person;
  if (!person) return;
  if (person !== shownTo) {
    shownTo = person;
    begin();
    return;
  }
  if (state.question) showQuestion();
  if (state.told) showAll();
}

function forget() {
  Object.assign(state, { choices: null, told: null, turn: state.turn + 1 });
  shownTo = null;
  $("behind").close();
}

$("question").addEventListener("submit", (event) => {
  event.preventDefault();
  history.pushState(null, "", toAddress(fromForm(event.target)));
  begin();
});
$("question").addEventListener("change", (event) => {
  if (event.target.id === "fact") $("value").value = "";
  if (event.target.id === "model") showVersions("");
  showFields();
});
window.addEventListener("hashchange", () => shownTo && begin());
start({ words: t, show, forget });
