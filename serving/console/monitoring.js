// The monitoring page: ask a question, show the last result at once, follow the newer one, and lead
// from every point to its decisions. The question stands in the address, so that a link repeats it.

import { useCharts } from "/console/charts.js";
import { badge, fill, h, moment } from "/console/draw.js";
import { $, ask, download, frame, say, start } from "/console/frame.js";
import { MORE } from "/console/monitoring_words.js";
import { PANELS, cellName, pointOf, variableCharts } from "/console/panels.js";
import { sheet } from "/console/sheets.js";
import { WORDS } from "/console/words.js";

const WEEKS = [4, 13, 26, 52, 104];
const USUAL = 52;
const FACTS = ["product", "channel", "decision", "rule", "lane"];
const LOOK_MS = 600;
const LEADS = { psi: "stability", mean: "bands", csi: "variables", auc: "quality", calibration: "calibration", scores: "consistency" };

const state = { choices: null, question: null, told: null, turn: 0 };
const t = () => ({ ...WORDS[frame.language], ...MORE[frame.language] });

// --- the question --------------------------------------------------------------------------------

const option = (value, text, chosen) => h("option", { value, selected: `${value}` === `${chosen}` }, text);

function showQuestion() {
  const asked = state.question;
  const words = t();
  const [fact, value] = Object.entries(asked.segment ?? {})[0] ?? ["", ""];
  const custom = Boolean(asked.start);
  const names = state.choices.models.map((one) => one.name);
  if (!names.includes(asked.model)) names.push(asked.model);
  fill($("model"), names.map((name) => option(name, name, asked.model)));
  showVersions(asked.version ?? "");
  fill($("fact"), option("", words.everyone, fact), FACTS.map((name) => option(name, words.facts[name], fact)));
  fill($("weeks"), WEEKS.map((n) => option(n, words.lastWeeks(n), custom ? "" : asked.weeks)), option("dates", words.between, custom ? "dates" : ""));
  fill($("by"), Object.entries(words.periods).map(([name, word]) => option(name, word, asked.by ?? "")));
  $("value").value = value;
  $("start").value = asked.start?.slice(0, 10) ?? "";
  $("end").value = asked.end?.slice(0, 10) ?? "";
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

function asked(form) {
  const question = { model: form.model.value, weeks: Number(form.weeks.value) || USUAL };
  if (form.version.value) question.version = Number(form.version.value);
  if (form.by.value) question.by = form.by.value;
  if (form.fact.value && form.value.value.trim()) question.segment = { [form.fact.value]: form.value.value.trim() };
  if (form.weeks.value === "dates" && form.start.value && form.end.value) {
    question.start = `${form.start.value}T00:00:00+08:00`;
    question.end = `${form.end.value}T00:00:00+08:00`;
  }
  return question;
}

const written = (question) => `#${encodeURIComponent(JSON.stringify(question))}`;

function fromAddress() {
  try {
    return JSON.parse(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null; // a link that was cut short: the usual question
  }
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
  state.question = fromAddress() ?? (first ? { model: first.name, weeks: USUAL } : null);
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
    ? h("p", { class: "problem" }, words.failedLast + [told.problem.where, told.problem.what, told.problem.remedy].filter(Boolean).join(" — "))
    : null;
  fill($("verdict"), problem, told.panels ? lightOf(told.panels.header, words) : null, told.panels || problem ? null : h("p", { class: "nothing" }, words.opening), keptOf(told, words));
}

function lightOf(header, words) {
  const { light } = header;
  const segment = Object.entries(header.segment).map(([fact, value]) => `${words.facts[fact]} = ${value}`).join(", ") || words.everyone;
  const figure = (value, name) => h("div", { class: "figure small" }, h("b", {}, value.toLocaleString("en-US")), h("span", {}, name));
  return [
    h("h1", {}, h("span", { class: `lamp ${light.colour}`, id: "lamp", title: words.colours[light.colour] }),
      `${header.model} v${header.version}`, h("span", { class: "version" }, words[header.alias] ?? header.alias), h("span", { class: "soft small" }, segment)),
    h("p", { id: "reason" }, h("b", {}, words.colours[light.colour]), " · ", light[frame.language]),
    h("div", { class: "signals" }, light.signals.map((one) =>
      h("button", { type: "button", class: "signal", title: one[frame.language], onclick: () => $(`panel-${LEADS[one.name]}`).scrollIntoView({ behavior: "smooth" }) },
        h("span", { class: `lamp ${one.colour}` }), words.signals[one.name]))),
    h("div", { class: "measures" },
      figure(header.n, header.unscored ? `${words.decisions} (${words.unscored(header.unscored)})` : words.decisions),
      figure(header.matured, header.matured ? words.matured : `${words.matured} · ${words.notes.not_mature}`),
      figure(header.bads, words.bads)),
    h("p", { class: "soft small" }, `${words.windowOf} ${moment(header.start)} – ${moment(header.end)} · ${words.followedFor(header.window_days, header.bad_dpd)} · ${words.reference} ${header.reference}`),
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
    told.panels ? excel("", words.excelAll, "excel-all") : null);
}

function excel(panel, word, id) {
  const name = `${state.question.model}${panel ? `-${panel}` : ""}.xlsx`;
  const fetched = () => download("/monitor/workbook", { question: state.question, panel }, name).catch((error) => say($("problem"), error));
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
  fill($("panels"), alertsPanel(words), PANELS.map(({ key, broad, chart }) => panelOf(key, broad, chart(context), words)));
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
    h("h2", {}, title, h("small", {}, soft), excel(key, words.excel)),
    [content].flat(),
    h("details", {}, h("summary", {}, words.figures), tables.map((table, place) => [
      tables.length > 1 ? h("h3", {}, frame.language === "zh" ? table.zh : table.en) : null,
      sheet(table, context(place)),
    ])));
}

function alertsPanel(words) {
  const { alerts } = state.told.panels;
  const [title, soft] = words.panel.alerts;
  return h("section", { class: "card panel broad", id: "panel-alerts" },
    h("h2", {}, title, h("small", {}, soft), excel("alerts", words.excel)),
    alerts.length ? [...alerts].sort((a, b) => Boolean(a.acknowledged_at) - Boolean(b.acknowledged_at)).map((one) => alertOf(one, words)) : h("p", { class: "soft" }, words.noAlerts),
    alerts.length && !state.choices.may_acknowledge ? h("p", { class: "soft small" }, words.mayNot) : null);
}

function alertOf(one, words) {
  const done = Boolean(one.acknowledged_at);
  const segment = Object.values(one.segment).join(", ");
  return h("div", { class: `alert ${done ? "done" : "open"}` },
    h("span", { class: `lamp ${done ? "" : one.colour}` }),
    h("p", {}, one[frame.language]),
    h("div", { class: "soft small" }, `${moment(one.raised_at)} · v${one.version}${segment ? ` · ${segment}` : ""} · ${words.owner} ${one.owner} · `,
      done ? words.acknowledged(one.acknowledged_by, moment(one.acknowledged_at)) : words.open),
    done ? h("div", { class: "small" }, one.note) : null,
    done || !state.choices.may_acknowledge ? null : h("div", {}, h("form", { onsubmit: (event) => acknowledge(event, one.id) },
      h("input", { name: "note", required: true, maxlength: 2000, placeholder: words.note, "aria-label": words.note }),
      h("input", { name: "owner", maxlength: 64, placeholder: words.newOwner, "aria-label": words.newOwner }),
      h("button", { class: "quiet", type: "submit" }, words.acknowledge))));
}

async function acknowledge(event, id) {
  event.preventDefault();
  const form = event.target;
  try {
    const { alert } = await ask("POST", "/monitor/acknowledge", { id, note: form.note.value, owner: form.owner.value.trim() });
    state.told.panels.alerts = state.told.panels.alerts.map((one) => (one.id === id ? alert : one));
    $("panel-alerts").replaceWith(alertsPanel(t()));
  } catch (error) {
    say($("problem"), error);
  }
}

// --- behind a point ------------------------------------------------------------------------------

function openBehind(title, ...content) {
  const dialog = $("behind");
  fill(dialog, h("header", {}, h("h2", { id: "behind-title" }, title), h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t().close)), ...content);
  if (!dialog.open) dialog.showModal();
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
    openBehind(name,
      variableCharts(variable, row, state.told.periods, { t: words, drill: showBehind }),
      sheet({ panel: "", columns, rows }, { t: words, language: frame.language, titles, pointOf: pointOfCell, drill: showBehind }));
  } catch (error) {
    say($("problem"), error);
  }
}

async function showBehind(point) {
  const words = t();
  const about = Object.entries(point).map(([name, value]) => `${words.about[name]} ${value === true ? "" : value}`.trim()).join(" · ");
  try {
    const found = await ask("POST", "/monitor/decisions", { question: state.question, point });
    openBehind(`${words.behind}${about ? ` · ${about}` : ""}`,
      h("p", { class: "soft small" }, words.behindN(found.decisions.length, found.n)),
      found.decisions.length ? decisionTable(found.decisions, words) : h("p", { class: "nothing" }, words.behindNone));
  } catch (error) {
    say($("problem"), error);
  }
}

function decisionTable(decisions, words) {
  const rows = decisions.map((one) => h("tr", {},
    h("td", { class: "mono" }, h("a", { href: `/#/explain/${one.decision_id}` }, one.decision_id)),
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
  history.pushState(null, "", written(asked(event.target)));
  begin();
});
$("question").addEventListener("change", (event) => {
  if (event.target.id === "fact") $("value").value = "";
  if (event.target.id === "model") showVersions("");
  showFields();
});
window.addEventListener("hashchange", () => shownTo && begin());
start({ words: t, show, forget });
