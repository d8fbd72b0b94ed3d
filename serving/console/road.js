// The page of the road: how far the stream is behind, dead letters and the button that replays one,
// ages by view, models and aliases, and the bill. Everything is asked for at once.

import { ageChip, decimal, duration, fill, h, moment, percent } from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { inChinese } from "/console/refusals.js";
import { ROAD, hours, reasonName, yuan } from "/console/road_words.js";
import { WORDS } from "/console/words.js";

const LOOK_MS = 15000;
const state = { road: null, turn: 0, said: new Map() }; // what the last replay of a letter said
const t = () => ({ ...WORDS[frame.language], ...ROAD[frame.language] });

async function look() {
  const turn = ++state.turn;
  let problem = null;
  let road = null;
  try {
    road = await ask("GET", "/road/figures");
  } catch (error) {
    problem = error;
  }
  if (turn !== state.turn) return;
  state.road = road;
  say($("problem"), problem);
  showAll();
}

async function replay(letter, button) {
  button.disabled = true;
  try {
    const done = await ask("POST", "/road/replay", { letter: letter.id });
    state.said.set(letter.id, !done.new ? "replayedBefore" : done.replay.before ? null : "replayedNow");
    say($("problem"), null);
    await look();
  } catch (error) {
    button.disabled = false;
    say($("problem"), error);
    $("problem").scrollIntoView({ block: "nearest" });
  }
}

// --- what is shown -------------------------------------------------------------------------------

function showAll() {
  const { road } = state;
  const words = t();
  if (!road) {
    fill($("verdict"));
    return fill($("panels"));
  }
  showVerdict(road, words);
  fill($("panels"),
    panel("letters", true, letters(road.letters, words), words),
    panel("stream", false, stream(road.workers, words), words),
    panel("ages", false, ages(road.ages, words), words),
    panel("models", true, models(road.models, words), words),
    panel("thousands", true, thousands(road.bill, words), words),
    panel("runs", true, runs(road.bill, words), words));
}

const panel = (key, broad, content, words) =>
  h("section", { class: `card panel${broad ? " broad" : ""}`, id: `panel-${key}` },
    h("h2", {}, words.panel[key][0], h("small", {}, words.panel[key][1])), [content].flat());

const trouble = (text) => (text ? h("p", { class: "warning" }, text) : null);
const nothing = (text) => h("p", { class: "nothing" }, text);
const bar = (part, most) => h("div", { class: "life", "--share": `${(100 * (most ? part / most : 0)).toFixed(1)}%` });
const lagOf = (workers) => workers.filter((one) => one.at_work || one.name === "once").flatMap((one) => one.topics).reduce((sum, one) => sum + one.lag, 0);

function table(heads, rows) {
  const cell = (value, place) => h("td", { class: heads[place][1] ? "number" : null }, value);
  return h("div", { class: "tables" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map(([name, number]) => h("th", { class: number ? "number" : null }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell))))));
}

function showVerdict(road, words) {
  const figure = (value, name, id) => h("div", { class: "figure small", id }, h("b", {}, value), h("span", {}, name));
  const unread = road.letters.problem && !road.letters.total;
  const waiting = road.letters.total - road.letters.replayed;
  fill($("verdict"),
    h("h1", {}, words.title, h("span", { class: "soft small" }, moment(road.as_of))),
    h("div", { class: "measures" },
      figure(road.workers.length ? lagOf(road.workers).toLocaleString("en-US") : "—", words.lag, "lag"),
      figure(unread ? "—" : waiting.toLocaleString("en-US"), words.waiting, "waiting"),
      figure(unread ? "—" : road.letters.replayed.toLocaleString("en-US"), words.replayed, "replayed"),
      figure(road.workers.filter((one) => one.at_work).length, words.workers, "workers"),
      figure(road.models.moved.length, words.moved, "moved")));
}

function letters({ piles, newest, problem: told, total, kafka }, words) {
  // The same sentence as a replay would be refused with.
  const problem = told && frame.language === "zh" ? `${inChinese({ code: "BadInput", what: told })}（${told}）` : told;
  const where = kafka ? h("p", { class: "soft small" }, words.ofKafka(kafka)) : null;
  if (!total) return [where, trouble(problem), problem ? null : nothing(kafka ? words.noneInKafka : words.noLetters)].filter(Boolean);
  const most = Math.max(...piles.map((one) => one.letters));
  return [where, trouble(problem),
    table([[words.topic], [words.reason], [words.count, true], [""]],
      piles.map((one) => [one.topic, reasonName(one.reason, words), one.letters.toLocaleString("en-US"), bar(one.letters, most)])),
    h("h3", {}, words.newest(newest.length)),
    newest.map((one) => letterOf(one, words))].flat().filter(Boolean);
}

function letterOf(one, words) {
  const done = one.replay;
  const said = state.said.get(one.id);
  const where = done && `${done.topic}[${done.partition}]@${done.offset}`;
  return h("article", { class: "alert letter", id: one.id },
    h("span", { class: `lamp ${done ? "" : one.now ? "amber" : "green"}` }),
    h("div", {},
      h("b", {}, reasonName(one.reason, words)), " ", h("code", {}, `${one.topic}[${one.partition}]@${one.offset}`),
      h("p", { class: "soft small" }, h("code", {}, one.shape)),
      done
        ? h("p", { class: "said replayed" }, words.doneBy(done.by, moment(done.at), where), done.before ? ` ${words.wasThere}` : "", said ? ` ${words[said]}` : "")
        : h("p", { class: "said today" }, one.now ? words.stillNone(reasonName(one.now, words)) : words.nowEvent, " ",
          h("button", { type: "button", class: "quiet again", onclick: (event) => replay(one, event.target) }, words.replay))));
}

function stream(workers, words) {
  if (!workers.length) return nothing(words.noWorkers);
  const rows = workers.flatMap((one) => one.topics.map((topic) => [one, topic]));
  const most = Math.max(0, ...rows.map(([, topic]) => topic.lag));
  return [
    h("p", { class: "soft small" }, workers.map((one) => words.worker(one.name, duration(one.silent_s, words), one)).join(" · ")),
    rows.length
      ? table([[words.topic], [words.lag, true], [words.freshness, true], [""]],
        rows.map(([, topic]) => [topic.topic, topic.lag.toLocaleString("en-US"), topic.freshness_s === null ? words.notMeasured : `${decimal(Number(topic.freshness_s.toFixed(2)))} s`, bar(topic.lag, most)]))
      : nothing(words.nothingCame)];
}

function ages({ views, problem }, words) {
  const stateOf = (one) => (one.median_s === null ? "missing" : one.ttl_s !== null && one.median_s > one.ttl_s ? "stale" : "present");
  const chip = (one) => ageChip(one.view, { age_s: one.median_s, ttl_s: one.ttl_s, state: stateOf(one) }, words);
  return [trouble(problem),
    views.length ? h("ul", { class: "ages" }, views.map(chip)) : null,
    views.length ? h("details", {}, h("summary", {}, words.sampledOf(views[0].sampled)),
      table([[words.view], [words.stale, true], [words.missing, true], [words.oldest, true]],
        views.map((one) => [one.view, one.stale, one.missing, duration(one.oldest_s, words)]))) : null].filter(Boolean);
}

function models({ versions, moved, problem }, words) {
  return [trouble(problem),
    moved.map((one) => h("p", { class: "warning moved" }, words.movedOutside(`${one.name}@${one.alias}`, one.mlflow, one.served))),
    versions.length
      ? table([[words.model], [words.version, true], [words.gate], [words.servedAs], [words.aliases], [words.trainedBy]],
        versions.map((one) => [one.name, one.version, words.statuses[one.status] ?? one.status, one.served_as, one.mlflow_aliases, one.trained_by]))
      : null].flat().filter(Boolean);
}

const money = (one, words) => (one.cost === null ? words.how[one.how] : yuan(one.cost));
const work = (one, words) => (one.hours === null ? words.notMeasured : hours(one.hours, one.unit, words));
const tokens = (number) => (number === null ? "—" : Math.round(number).toLocaleString("en-US"));

function thousands({ thousands: every, prices }, words) {
  const suggested = every.some((one) => one.what !== "decision" && one.counted);
  return [
    table([[words.thousandOf], [words.measured, true], [words.work, true], [words.cost, true], [words.tokensRead, true], [words.tokensWritten, true]],
      every.map((one) => [words.what[one.what], one.counted.toLocaleString("en-US"), work(one, words), money(one, words), tokens(one.tokens_read), tokens(one.tokens_written)])),
    frame.status?.demo && !suggested ? h("p", { class: "soft small apart" }, words.billApart) : null,
    h("p", { class: "soft small" }, words.howMeasured(prices.core_hour, prices.engine_hour))].filter(Boolean);
}

function runs({ runs: every, prices, problem }, words) {
  const most = Math.max(0, ...every.map((one) => one.hours ?? 0));
  return [trouble(problem),
    every.length
      ? table([[words.run], [words.experiment], [words.began], [words.work, true], [""], [words.cost, true], [words.share, true]],
        every.map((one) => [one.name, one.experiment, moment(one.started_ms), work(one, words), bar(one.hours ?? 0, most), money(one, words), one.effective_share === null ? "—" : percent(one.effective_share)]))
      : null,
    h("p", { class: "soft small" }, words.howRun(prices.core_hour, prices.gpu_hour))].filter(Boolean);
}

// --- events --------------------------------------------------------------------------------------

let shownTo = null;

function show() {
  const person = frame.status?.person?.name ?? null;
  $("watch").hidden = !person;
  if (!person) return;
  if (person !== shownTo) {
    shownTo = person;
    look();
  } else showAll();
}

function forget() {
  Object.assign(state, { road: null, turn: state.turn + 1 });
  state.said.clear();
  shownTo = null;
  showAll();
}

// What is being read or typed stays: the page is drawn anew only while nothing on it has the focus.
setInterval(() => document.hidden || !shownTo || $("panels").contains(document.activeElement) || look(), LOOK_MS);
start({ words: t, show, forget });
