// Tables of panels, as the workbook has them, in the language of the page: names, percentages, and
// cells that lead to the decisions behind them.

import { h } from "/console/draw.js";

const SHARES = new Set([
  "bad_rate", "estimated_bad_rate", "build_share", "share", "build_bad_rate", "capture", "approval", "missing",
  "missing_build", "sentinel", "sentinel_build", "unseen", "mean_pd", "present", "stale", "csi_part", "rate", "FPD1", "FPD7", "FPD15", "FPD30",
]);
const isShare = (english, panel) =>
  SHARES.has(english) || /^(mob|to) /.test(english) || (["calibration", "overrides"].includes(panel) && ["low", "high"].includes(english));

// A number that comes as text, with its unit: ¥1,200, −3.2%.
const WRITTEN = /^[−+-]?¥?[\d,.]+%?$/;

// A text that the workbook has in both languages, such as "稳定 stable".
export function inLanguage(text, language) {
  const both = /^([\u4e00-\u9fff]+) ([a-z][ -~]*)$/.exec(text);
  return both ? both[language === "zh" ? 1 : 2] : text;
}

function written(value, english, panel, { t, language }) {
  if (value === null) return "—";
  if (typeof value === "boolean") return value ? t.yes : t.no;
  if (typeof value === "string") return inLanguage(value, language);
  if (Number.isInteger(value) && !isShare(english, panel)) return value.toLocaleString("en-US");
  return isShare(english, panel) ? `${(100 * value).toFixed(2)}%` : value.toFixed(4);
}

// `pointOf(row, column)` says what is behind a cell; `drill` is called with it. `titles` stand in
// place of the columns' names.
export function sheet(table, { t, language, titles, pointOf, drill }) {
  const other = language === "zh" ? "explanation" : "说明";
  const shown = table.columns.map(([zh, en], place) => ({ zh, en, place })).filter(({ zh, en }) => ![zh, en].includes(other));
  const numeric = (place) => {
    const told = table.rows.map((row) => row[place]).filter((value) => value !== null);
    return told.some((value) => typeof value === "number") || (told.length > 0 && told.every((value) => WRITTEN.test(value)));
  };
  const cell = (row, number, { en, place }) => {
    const text = written(row[place], en, table.panel, { t, language });
    const point = row[place] === null ? null : pointOf(number, place);
    const content = point ? h("button", { type: "button", class: "drill", onclick: () => drill(point) }, text) : text;
    return h("td", { class: numeric(place) ? "number" : null }, content);
  };
  if (!table.rows.length) return h("p", { class: "nothing" }, t.notes.no_decisions);
  const head = shown.map(({ zh, en, place }) => h("th", { class: numeric(place) ? "number" : null }, titles?.[place] ?? (language === "zh" ? zh : en)));
  const body = table.rows.map((row, number) => h("tr", {}, shown.map((column) => cell(row, number, column))));
  return h("div", { class: "tables" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}
