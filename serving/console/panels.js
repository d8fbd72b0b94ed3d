// The panels: for each what its chart shows, and what the points and cells of it are made of.
// A monitor's figures come in; elements go out. Where a number would mean nothing there is none.

import { across, chart, line, palette } from "/console/charts.js";
import { h } from "/console/draw.js";

const share = { tickformat: ".0%" };
const FPD_DAYS = [1, 7, 15, 30];

// Panels in their order; `broad` ones take the whole width.
export const PANELS = [
  { key: "quality", broad: true, chart: quality },
  { key: "bands", chart: bands },
  { key: "stability", chart: stability },
  { key: "variables", broad: true, chart: variables },
  { key: "calibration", chart: calibration },
  { key: "consistency", chart: consistency },
  { key: "vintages", broad: true, chart: vintages },
  { key: "challenger", broad: true, chart: challenger },
  { key: "overrides", broad: true, chart: overrides },
];

// A note with n, in place of a chart whose numbers would mean nothing.
const nothing = (why, n, t) => h("p", { class: "nothing" }, `${t.notes[why] ?? why} · n = ${n.toLocaleString("en-US")}`);

function quality({ panels, t, drill }) {
  const { rows, build_auc: build } = panels.quality;
  const matured = rows.reduce((sum, row) => sum + row.matured, 0);
  const n = rows.reduce((sum, row) => sum + row.n, 0);
  if (!n) return nothing("no_decisions", 0, t);
  const x = rows.map((row) => row.period);
  const told = rows.map((row) => ({ period: row.period, matured: row.auc !== null }));
  const text = rows.map((row) => `n ${row.n} · ${t.matured} ${row.matured} · ${t.bads} ${row.bads}`);
  const { accent, refer, soft } = palette();
  const of = (name) => rows.map((row) => row[name]);
  const past = panels.quality.past_error_auc;
  const traces = [
    line("AUC", x, of("auc"), {
      customdata: told, text, line: { color: accent },
      error_y: { type: "data", symmetric: false, thickness: 1,
        array: rows.map((row) => (row.auc === null ? 0 : row.auc_high - row.auc)),
        arrayminus: rows.map((row) => (row.auc === null ? 0 : row.auc - row.auc_low)) },
    }),
    line(t.estimatedAuc, x, of("estimated_auc"), { customdata: told, text, line: { color: accent, dash: "dot" }, opacity: 0.6 }),
    line("KS", x, of("ks"), { customdata: told, text, line: { color: refer } }),
    line(t.estimatedKs, x, of("estimated_ks"), { customdata: told, text, line: { color: refer, dash: "dot" }, opacity: 0.6 }),
    line("Gini", x, of("gini"), { customdata: told, text, line: { color: soft }, visible: "legendonly" }),
  ];
  return [
    rows.every((row) => row.auc === null) ? nothing("not_mature", matured, t) : null,
    chart(traces, { xaxis: { type: "category" }, shapes: build === null ? [] : [across(build, accent)] }, drill),
    past === null ? null : h("p", { class: "soft small" }, t.pastError(past.toFixed(4), panels.quality.past_periods)),
  ];
}

function bands({ panels, t, drill }) {
  const rows = panels.bands;
  const n = rows.reduce((sum, row) => sum + row.n, 0);
  if (n === 0) return nothing("no_decisions", 0, t);
  const { accent, line: pale, decline } = palette();
  const x = rows.map((row) => (row.low === null ? `< ${Math.round(row.high)}` : `≥ ${Math.round(row.low)}`));
  const customdata = rows.map((row) => ({ band: row.band }));
  const traces = [
    { type: "bar", name: t.atBuild, x, y: rows.map((row) => row.build_share), customdata, marker: { color: pale } },
    { type: "bar", name: t.now, x, y: rows.map((row) => row.share), customdata, marker: { color: accent } },
    line(t.badRate, x, rows.map((row) => (row.matured < 30 ? null : row.bad_rate)), { customdata, yaxis: "y2", line: { color: decline } }),
  ];
  const mature = rows.some((row) => row.matured >= 30);
  return [
    chart(traces, { barmode: "group", xaxis: { type: "category" }, yaxis: share, yaxis2: { ...share, rangemode: "tozero" } }, drill),
    mature ? null : nothing("not_mature", rows.reduce((sum, row) => sum + row.matured, 0), t),
  ];
}

function stability({ panels, t, drill }) {
  const { rows, overall } = panels.stability;
  if (overall.psi === null) return nothing(overall.n ? "too_few" : "no_decisions", overall.n, t);
  const x = rows.map((row) => row.period);
  const customdata = rows.map((row) => ({ period: row.period }));
  const { accent, soft, refer, decline } = palette();
  const traces = [
    { type: "bar", name: "PSI", x, y: rows.map((row) => row.psi), customdata, marker: { color: accent },
      text: rows.map((row) => `n ${row.n}`), textposition: "none" },
    line(t.floor, x, rows.map((row) => row.floor_p99), { customdata, mode: "lines", line: { color: soft, dash: "dash" } }),
  ];
  return chart(traces, { xaxis: { type: "category" }, shapes: [across(0.1, refer), across(0.25, decline)] }, drill);
}

function variables({ panels, t, openVariable }) {
  const rows = panels.variables.filter((row) => row.csi !== null).slice(0, 15).reverse();
  const n = panels.header.n;
  const few = panels.variables.some((row) => row.n) ? "too_few" : "not_brought";
  if (!rows.length) return nothing(n ? few : "no_decisions", n, t);
  const { accent, soft, refer } = palette();
  const y = rows.map((row) => row.name);
  const customdata = rows.map((row) => ({ variable: row.name }));
  const lit = { watch: refer, shifted: refer };
  const traces = [
    { type: "bar", orientation: "h", name: "CSI", y, x: rows.map((row) => row.csi), customdata,
      marker: { color: rows.map((row) => lit[row.status] ?? accent) } },
    { name: t.floor, y, x: rows.map((row) => row.floor_p99), customdata, mode: "markers", marker: { symbol: "line-ns-open", size: 14, color: soft } },
  ];
  const layout = { height: 80 + 24 * rows.length, margin: { l: 8, r: 16, t: 8, b: 36 } };
  return chart(traces, layout, ({ variable }) => openVariable(variable));
}

function calibration({ panels, t, drill }) {
  const rows = panels.calibration.filter((row) => row.bad_rate !== null && row.mean_pd !== null);
  const matured = panels.calibration.reduce((sum, row) => sum + row.matured, 0);
  const bare = panels.calibration.some((row) => row.note === "no_probability");
  if (!rows.length) return nothing(bare ? "no_probability" : "not_mature", matured, t);
  const { accent, soft, decline } = palette();
  const most = Math.max(...rows.map((row) => Math.max(row.high, row.mean_pd)));
  const traces = [
    { name: t.promised, x: [0, most], y: [0, most], mode: "lines", hoverinfo: "skip", line: { color: soft, dash: "dot" } },
    { name: t.realised, x: rows.map((row) => row.mean_pd), y: rows.map((row) => row.bad_rate), mode: "markers",
      customdata: rows.map((row) => ({ band: row.band, matured: true })),
      marker: { size: 9, color: rows.map((row) => (row.within === false ? decline : accent)) },
      error_y: { type: "data", symmetric: false, thickness: 1,
        array: rows.map((row) => row.high - row.bad_rate), arrayminus: rows.map((row) => row.bad_rate - row.low) } },
  ];
  return chart(traces, { xaxis: { ...share, title: { text: t.promised } }, yaxis: { ...share, title: { text: t.realised } } }, drill);
}

function vintages({ panels, t, drill }) {
  const { rows, first_payments: first, days } = panels.vintages;
  const told = rows.filter((row) => row.rates.some((rate) => rate !== null));
  if (!told.length) return nothing("not_mature", panels.header.matured, t);
  const curves = told.map((row) =>
    line(row.cohort, row.rates.map((_, mob) => mob), row.rates, {
      customdata: row.rates.map((_, mob) => ({ cohort: row.cohort, late_by_mob: mob })),
      text: row.observed.map((n) => `n ${n}`),
    }),
  );
  const late = FPD_DAYS.map((limit, place) =>
    line(`FPD${limit}`, first.map((row) => row.cohort), first.map((row) => row.rates[place]), {
      customdata: first.map((row) => ({ cohort: row.cohort, fpd: limit })),
    }),
  );
  return [
    h("h3", {}, t.vintageTitle(days)),
    chart(curves, { xaxis: { title: { text: "MOB" }, dtick: 1 }, yaxis: { ...share, rangemode: "tozero" } }, drill),
    first.length ? h("h3", {}, t.fpdTitle) : null,
    first.length ? chart(late, { xaxis: { type: "category" }, yaxis: { ...share, rangemode: "tozero" } }, drill) : null,
  ];
}

function consistency({ panels, t, drill }) {
  const { views, checked, differing } = panels.consistency;
  const { accent, refer, decline } = palette();
  const said = differing === null || !checked ? t.notRecomputed : t.recomputed(checked, differing);
  const y = views.map((row) => row.view);
  const bar = (state, colour) => ({
    type: "bar", orientation: "h", name: t[state], y, x: views.map((row) => row[state]),
    customdata: views.map((row) => ({ view: row.view, state })), marker: { color: colour },
  });
  const few = views.length > 0 && views.every((row) => row.present === null);
  const drawn = views.length && !few
    ? chart([bar("present", accent), bar("stale", refer), bar("missing", decline)],
        { barmode: "stack", xaxis: { ...share, range: [0, 1] }, height: 90 + 28 * views.length, margin: { l: 8, r: 16, t: 8, b: 36 } }, drill)
    : nothing(few ? "too_few" : panels.header.imported ? "not_brought" : "no_decisions", panels.header.n, t);
  return [h("p", { class: differing ? "problem" : "soft small" }, said), drawn];
}

function challenger({ panels, t, drill }) {
  const told = panels.challenger;
  if (told.note && told.champion_approval === null) return nothing(told.note, told.n, t);
  const { accent, refer } = palette();
  const x = ["AUC", "KS", t.approval];
  const followed = { sampled: true, matured: true };
  const customdata = [followed, followed, { sampled: true }];
  const bar = (who, colour) => ({
    type: "bar", name: t[who], x, customdata, marker: { color: colour },
    y: [told[`${who}_auc`], told[`${who}_ks`], told[`${who}_approval`]],
  });
  return [
    told.champion_auc === null ? nothing(told.note || "not_mature", told.matured, t) : null,
    chart([bar("champion", accent), bar("challenger", refer)], { barmode: "group" }, drill),
  ];
}

function overrides({ panels, t }) {
  const { judged, rows } = panels.overrides;
  if (!judged) return nothing("no_verdicts", 0, t);
  const told = rows.filter((row) => row.n);
  const { accent, decline } = palette();
  const x = told.map((row) => t.sides[row.side]);
  const traces = [
    { type: "bar", name: t.verdictShare, x, y: told.map((row) => row.n / judged), text: told.map((row) => `n ${row.n}`), marker: { color: accent } },
    line(t.badRate, x, told.map((row) => row.bad_rate), { mode: "markers", text: told.map((row) => `${t.matured} ${row.matured}`), marker: { size: 11, color: decline },
      error_y: { type: "data", symmetric: false, thickness: 1,
        array: told.map((row) => (row.bad_rate === null ? 0 : row.high - row.bad_rate)),
        arrayminus: told.map((row) => (row.bad_rate === null ? 0 : row.bad_rate - row.low)) } }),
  ];
  const matured = told.reduce((sum, row) => sum + row.matured, 0);
  return [
    chart(traces, { xaxis: { type: "category" }, yaxis: { ...share, rangemode: "tozero" } }),
    told.some((row) => row.bad_rate !== null) ? null : nothing("not_mature", matured, t),
  ];
}

// What the decisions behind a cell of a panel's table have in common; null where it has none.
export function pointOf(panels, panel, table, row, column) {
  const first = column === 0;
  const spread = {
    quality: [() => first && { period: panels.quality.rows[row].period }],
    bands: [() => first && { band: panels.bands[row].band }],
    stability: [() => first && (row === 0 ? {} : { period: panels.stability.rows[row - 1].period })],
    variables: [() => first && { variable: panels.variables[row].name }],
    calibration: [() => first && { band: panels.calibration[row].band, matured: true }],
    vintages: [
      () => (column < 2 ? first && { cohort: panels.vintages.rows[row].cohort } : { cohort: panels.vintages.rows[row].cohort, late_by_mob: column - 2 }),
      () => column > 1 && { roll: `${told(panels.vintages)[row]}>${panels.vintages.buckets[column - 2]}` },
      () => (column < 2 ? null : { cohort: panels.vintages.first_payments[row].cohort, fpd: FPD_DAYS[column - 2] }),
    ],
    consistency: [
      () => (panels.consistency.differing === null ? null : [{ sampled: true }, { differing: true }][column]),
      () => { const state = [null, null, "present", "stale", "missing"][column]; return state && { view: panels.consistency.views[row].view, state }; },
    ],
    challenger: [
      () => panels.challenger.n > 0 && [null, { sampled: true }, { sampled: true, matured: true }][column],
      () => first && { swap: [panels.challenger.swap[row].champion, panels.challenger.swap[row].challenger] },
    ],
  };
  return spread[panel]?.[table]?.() || null;
}

// The buckets that have a row in the table of roll rates.
const told = ({ buckets, roll_counts: counts }) => buckets.filter((_, place) => counts[place].some(Boolean));

// One variable in its cells, at build and now, and its CSI by period.
export function variableCharts(variable, row, periods, { t, drill }) {
  const { accent, line: pale, refer } = palette();
  const x = variable.cells.map((cell) => cellName(cell, t));
  const customdata = variable.cells.map((cell) => ({ variable: variable.name, cell: cell.cell }));
  const bars = [
    { type: "bar", name: t.atBuild, x, y: variable.cells.map((cell) => cell.build_share), customdata, marker: { color: pale } },
    { type: "bar", name: t.now, x, y: variable.cells.map((cell) => cell.share), customdata, marker: { color: accent } },
  ];
  const trend = [line("CSI", periods, row.trend, { customdata: periods.map((period) => ({ period })), line: { color: accent } })];
  return [
    chart(bars, { barmode: "group", xaxis: { type: "category" }, yaxis: share }, drill),
    h("h3", {}, t.trend),
    chart(trend, { height: 200, xaxis: { type: "category" }, yaxis: { rangemode: "tozero" }, shapes: [across(0.1, refer)] }, drill),
  ];
}

export function cellName(cell, t) {
  const short = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
  if (cell.kind === "number" && cell.low === null) return cell.high === null ? t.any : `< ${short(cell.high)}`;
  if (cell.kind === "number") return cell.high === null ? `≥ ${short(cell.low)}` : `${short(cell.low)} – ${short(cell.high)}`;
  if (cell.kind === "category" || cell.kind === "sentinel") return `${t.kinds[cell.kind]} ${short(cell.low)}`;
  return t.kinds[cell.kind];
}
