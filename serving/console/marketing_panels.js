// The panels of the marketing page: for each what its chart shows, and its table of figures. What a
// report has to tell first is left out by the page until there is one.

import { across, chart, line, palette } from "/console/charts.js";
import { h } from "/console/draw.js";
import { MARKETING, money, percent, scoreName, wayName } from "/console/marketing_words.js";

const share = { tickformat: ".1%" };
const count = (number) => number.toLocaleString("en-US");
const FEWEST = 20; // customers of a group, as of a report
const both = (of, name) => [MARKETING.zh[of][name] ?? name, MARKETING.en[of][name] ?? name];
const told = (figure, digits) => figure?.toFixed(digits) ?? "—"; // null where so few cannot tell it

const between = (rows, value = "value") => ({
  type: "data", symmetric: false, thickness: 1.4,
  array: rows.map((row) => row.high - row[value]), arrayminus: rows.map((row) => row[value] - row.low),
});

function lift({ shown: { report }, t }) {
  const { accent, soft, decline } = palette();
  const { lift: raw, adjusted, earned, balance } = report;
  const rates = [{ type: "bar", x: [t.treated, t.control], y: [raw.treated_rate, raw.control_rate],
    text: [`n ${count(raw.treated)}`, `n ${count(raw.control)}`], marker: { color: [accent, soft] } }];
  const rows = [{ ...raw, name: t.holdoutLift }, ...(adjusted ? [{ ...adjusted, name: t.adjusted }] : [])];
  const bars = [{ type: "scatter", mode: "markers", x: rows.map((row) => row.name), y: rows.map((row) => row.lift),
    error_y: between(rows, "lift"), marker: { size: 10, color: accent } }];
  const gain = earned.gain_minor; // null where a group is too small
  const planned = [money(earned.spent_minor), money(earned.expected_gain_minor)];
  const alarms = balance.filter((one) => one.alarm);
  return [
    h("p", { id: "earned" }, gain ? t.earned(money(gain.value), money(gain.low), money(gain.high), ...planned) : t.tooFew(...planned)),
    h("div", { class: "halves" },
      h("div", {}, h("h3", {}, t.responseRates), chart(rates, { yaxis: share, height: 220, showlegend: false })),
      h("div", {}, h("h3", {}, t.liftTitle), chart(bars, { yaxis: share, height: 220, showlegend: false, shapes: [across(0, decline)] }))),
    alarms.length ? h("p", { class: "warning" }, t.unbalanced(alarms.map((one) => `${scoreName(one.name, t)} ${told(one.sds, 2)} sd`).join(", "))) : h("p", { class: "soft small" }, t.balanced),
  ];
}

function waysTable({ shown: { report }, t }) {
  const kinds = Object.keys(t.kinds).filter((kind) => report.ways.some((one) => kind in one.receipts));
  return {
    columns: [["优惠", "offer"], ["渠道", "channel"], ["触达", "contacts"], ...kinds.map((kind) => both("kinds", kind)), ["增量", "lift"], ["下限", "low"], ["上限", "high"]],
    rows: report.ways.map((one) => [one.offer, wayName(one.channel, t), one.contacts, ...kinds.map((kind) => one.receipts[kind] ?? 0),
      one.lift && percent(one.lift.lift), one.lift && percent(one.lift.low), one.lift && percent(one.lift.high)]),
  };
}

function deciles({ shown: { report }, t }) {
  const { accent, soft, approve } = palette();
  const rows = report.deciles;
  const x = rows.map((row) => row.decile);
  const bar = (name, group, color) => ({ type: "bar", name, x, y: rows.map((row) => row[`${group}_rate`]),
    text: rows.map((row) => `n ${row[group]}`), textposition: "none", marker: { color, opacity: rows.map((row) => (row[group] < FEWEST ? 0.4 : 1)) } });
  const traces = [bar(t.treated, "treated", accent), bar(t.control, "control", soft),
    line(t.uplift, x, rows.map((row) => row.uplift), { line: { color: approve }, marker: { symbol: rows.map((row) => (fewIn(row) ? "circle-open" : "circle")), size: 8 } })];
  const few = rows.filter(fewIn).map((row) => row.decile);
  return [chart(traces, { barmode: "group", yaxis: share, xaxis: { dtick: 1, title: { text: t.decileTitle } } }),
    few.length ? h("p", { class: "soft small", id: "few-deciles" }, t.fewDeciles(few.join(", "))) : null];
}

const fewIn = (row) => Math.min(row.treated, row.control) < FEWEST;
const decilesTable = ({ shown: { report } }) => ({
  columns: [["十分位", "decile"], ["实验组", "treated"], ["对照组", "control"], ["实验组响应率", "treated rate"], ["对照组响应率", "control rate"], ["增量", "uplift"], ["样本过少", "too few"]],
  rows: report.deciles.map((row) => [row.decile, row.treated, row.control, ...[row.treated_rate, row.control_rate, row.uplift].map((one) => (one === null ? null : percent(one))), fewIn(row)]),
});

function qini({ shown: { report }, t }) {
  const { accent, soft } = palette();
  const rows = report.curve;
  const x = rows.map((row) => row.share);
  const last = rows.at(-1);
  const band = { x: [...x, ...x.toReversed()], y: [...rows.map((row) => row.high), ...rows.map((row) => row.low).toReversed()],
    fill: "toself", fillcolor: accent, opacity: 0.15, line: { width: 0 }, hoverinfo: "skip", name: "95%", type: "scatter", mode: "lines" };
  const traces = [...(last.low === null ? [] : [band]),
    { name: "Qini", x, y: rows.map((row) => row.qini), mode: "lines", line: { color: accent } },
    { name: t.random, x: [0, 1], y: [0, last.qini], mode: "lines", line: { color: soft, dash: "dot" }, hoverinfo: "skip" }];
  const figure = report.figures.qini;
  return [chart(traces, { xaxis: { tickformat: ".0%", title: { text: t.shareAddressed } } }),
    h("p", { class: "soft small", id: "qini-figure" }, `Qini ${told(figure.value, 4)} [${told(figure.low, 4)}, ${told(figure.high, 4)}] · ${t.randomIsZero}`)];
}

const figuresTable = ({ shown: { report }, t }) => ({
  columns: [["指标", "figure"], ["数值", "value"], ["下限", "low"], ["上限", "high"]],
  rows: Object.entries(report.figures).map(([name, one]) => [t.measures[name] ?? name, told(one.value, 5), told(one.low, 5), told(one.high, 5)]),
});

function policies({ shown: { report }, t }) {
  const { accent, refer } = palette();
  const rows = report.policies.filter((one) => one.doubly_robust || one.snips);
  const untried = report.policies.filter((one) => !rows.includes(one));
  const y = rows.map((one) => marked(one, t));
  const trace = (key, name, colour, symbol) => {
    const of = rows.map((one) => one[key]);
    const x = of.map((one) => one?.value ?? null);
    return { name, x, y, type: "scatter", mode: "markers", marker: { color: colour, size: 9, symbol: rows.map((one) => (one.too_few ? `${symbol}-open` : symbol)) },
      error_x: { type: "data", symmetric: false, thickness: 1.2, array: of.map((one) => (one ? one.high - one.value : 0)), arrayminus: of.map((one) => (one ? one.value - one.low : 0)) } };
  };
  return [chart([trace("doubly_robust", t.doublyRobust, accent, "circle"), trace("snips", "SNIPS", refer, "diamond")],
    { xaxis: share, yaxis: { autorange: "reversed" }, height: 120 + 34 * rows.length }),
    h("p", { class: "soft small" }, t.policiesSoft, rows.some((one) => one.too_few) ? h("span", { id: "guesses" }, " ", t.hollow) : null),
    untried.length ? h("p", { class: "soft small", id: "untried" }, t.untried(untried.map((one) => policyName(one, t)).join(", "))) : null];
}

const policyName = (one, t) => t.policies[one.policy] ?? wayName(one.policy, t);
const marked = (one, t) => (one.too_few ? `${policyName(one, t)} · ${t.few}` : policyName(one, t));

const policiesTable = ({ shown: { report }, t }) => ({
  columns: [["策略", "policy"], ["双稳健", "doubly robust"], ["下限", "low"], ["上限", "high"], ["SNIPS", "snips"], ["样本过少", "too few"]],
  rows: report.policies.map((one) => [policyName(one, t), ...(one.doubly_robust ? ["value", "low", "high"].map((k) => percent(one.doubly_robust[k])) : [null, null, null]),
    one.snips && percent(one.snips.value), one.too_few]),
});

function budget({ shown: { summary }, t }) {
  const { accent, refer } = palette();
  const points = summary.budget_curve;
  const [now] = summary.limits;
  const left = Math.max(now.limit - now.earlier, 0); // what the curve is of
  const traces = [
    line(t.gainOfBudget, points.map((one) => one.budget_minor / 100), points.map((one) => one.gain_minor / 100), { line: { color: accent } }),
    { name: t.thisPlan, x: [left / 100], y: [summary.value_minor / 100], mode: "markers", marker: { color: refer, size: 12, symbol: "star" } },
  ];
  return [chart(traces, { xaxis: { title: { text: t.budgetTitle }, rangemode: "tozero" }, yaxis: { title: { text: t.gainTitle }, rangemode: "tozero" } }),
    h("p", { class: "soft small" }, t.budgetPrice(now.price.toFixed(3))),
    now.earlier ? h("p", { class: "soft small", id: "budget-left" }, t.budgetLeft(money(now.earlier), money(left))) : null];
}

// Money in yuan, all else in pieces; a price is in yuan, of one yuan or of one piece.
const limitName = (one, t) => (one.name === "budget" ? t.budgetName : (t.channels[one.name] ?? one.name));
function usedRow(one, t, uses) {
  const amount = one.name === "budget" ? money : (number) => count(Math.round(number));
  const price = one.name === "budget" ? one.price : one.price / 100;
  const used = uses.reduce((sum, use) => sum + one[use], 0);
  return [limitName(one, t), one.limit === null ? null : amount(one.limit), ...uses.map((use) => amount(one[use])), one.limit ? percent(used / one.limit) : null, `¥${price.toFixed(3)}`];
}
const usedColumns = (...uses) => [["约束", "limit"], ["上限", "at most"], ...uses, ["占比", "part"], ["影子价格", "price"]];
const limitsTable = ({ shown: { summary }, t }) => ({
  columns: usedColumns(["此前计划", "earlier plans"], ["本计划", "this plan"]),
  rows: summary.limits.map((one) => usedRow(one, t, ["earlier", "used"])),
});

function rules({ shown: { summary }, t, rule }) {
  const { accent, refer } = palette();
  const rows = Object.entries(summary.not_contacted).toSorted((a, b) => a[1] - b[1]);
  const colours = rows.map(([name]) => (name === "frequency_cap" ? refer : accent));
  return [
    chart([{ type: "bar", orientation: "h", y: rows.map(([name]) => rule(name)), x: rows.map(([, n]) => n), marker: { color: colours } }],
      { height: 90 + 26 * rows.length, showlegend: false, margin: { l: 8, r: 16, t: 8, b: 36 } }),
    h("p", { class: "soft small", id: "cap-hits" }, t.capHits(count(summary.stopped_by_rule.frequency_cap ?? 0), count(summary.customers))),
  ];
}

const rulesTable = ({ shown: { summary }, rule }) => ({
  columns: [["规则", "rule"], ["编号", "id"], ["因此未触达", "no contact by it"], ["命中", "hits"]],
  rows: [...new Set([...Object.keys(summary.not_contacted), ...Object.keys(summary.stopped_by_rule)])].map((name) => [rule(name), name, summary.not_contacted[name] ?? 0, summary.stopped_by_rule[name] ?? 0]),
});

function atOnce({ shown: { at_once: rows, elapsed }, t }) {
  const { accent, soft } = palette();
  const bound = rows.filter((one) => one.limit);
  if (!bound.length) return h("p", { class: "nothing" }, t.nothingAtOnce);
  const names = bound.map((one) => limitName(one, t));
  return [
    chart([{ type: "bar", x: names, y: bound.map((one) => one.used / one.limit), name: t.used, marker: { color: accent } }],
      { yaxis: { ...share, rangemode: "tozero" }, showlegend: false, shapes: [across(elapsed, soft)] }),
    h("p", { class: "soft small" }, t.pace(percent(elapsed))),
  ];
}

const atOnceTable = ({ shown: { at_once: rows }, t }) => ({
  columns: usedColumns(["已用", "used"]),
  rows: rows.map((one) => usedRow(one, t, ["used"])),
});

function drift({ shown: { report }, t }) {
  const { accent, soft, refer, decline } = palette();
  const rows = report.drift;
  if (!rows.length) return h("p", { class: "nothing" }, t.noDrift);
  const x = rows.map((one) => (one.shift.status === "too_few" ? `${scoreName(one.score, t)} · ${t.few}` : scoreName(one.score, t)));
  return chart([
    { type: "bar", name: "PSI", x, y: rows.map((one) => one.shift.psi), marker: { color: accent, opacity: rows.map((one) => (one.shift.status === "too_few" ? 0.4 : 1)) } },
    { name: t.floor, x, y: rows.map((one) => one.shift.floor_p99), mode: "markers", marker: { symbol: "line-ew-open", size: 18, color: soft } },
  ], { yaxis: { rangemode: "tozero" }, shapes: [across(0.1, refer), across(0.25, decline)] });
}

const driftTable = ({ shown: { report }, t }) => ({
  columns: [["评分", "score"], ["PSI", "psi"], ["噪声上界", "floor p99"], ["本次人数", "customers now"], ["上次人数", "customers then"], ["状态", "status"]],
  rows: report.drift.map((one) => [scoreName(one.score, t), one.shift.psi.toFixed(4), one.shift.floor_p99.toFixed(4), one.shift.n, one.shift.m, t.statuses[one.shift.status]]),
});

// Panels in their order; `needs` a report; `broad` ones take the whole width.
export const PANELS = [
  { key: "lift", needs: true, broad: true, chart: lift, table: waysTable },
  { key: "deciles", needs: true, chart: deciles, table: decilesTable },
  { key: "qini", needs: true, chart: qini, table: figuresTable },
  { key: "policies", needs: true, chart: policies, table: policiesTable },
  { key: "budget", chart: budget, table: limitsTable },
  { key: "rules", chart: rules, table: rulesTable },
  { key: "atOnce", chart: atOnce, table: atOnceTable },
  { key: "drift", needs: true, chart: drift, table: driftTable },
];
