// After a chat: what is written down is drafted, corrected by the agent and kept; what must follow is
// a ticket with its day. A draft never overwrites what the agent has begun to write.

import { fill, h, moment } from "/console/draw.js";
import { $, ask, frame, say } from "/console/frame.js";
import { WORDS } from "/console/words.js";
import { ASSIST } from "/console/assist_words.js";
import { WRAP_UP } from "/console/wrap_up_words.js";

const t = () => ({ ...WORDS[frame.language], ...ASSIST[frame.language], ...WRAP_UP[frame.language] });
const told = (word) => (frame.language === "zh" ? word.zh : word.en);
const state = { tickets: [], overdue: 0 };

// --- what must follow -----------------------------------------------------------------------------

export async function lookAtTickets() {
  Object.assign(state, await ask("GET", "/tickets"));
  showTickets();
}

export function noTickets() {
  Object.assign(state, { tickets: [], overdue: 0 });
  if ($("wrap-up").open) $("wrap-up").close();
  showTickets();
}

export function showTickets() {
  const words = t();
  $("tickets-title").textContent = words.tickets;
  $("late").textContent = state.overdue ? words.overdue(state.overdue) : "";
  fill($("tickets"), state.tickets.length ? state.tickets.map((one) => ticket(one, words)) : h("li", { class: "soft" }, words.noTickets));
}

function ticket(one, words) {
  const act = (given, name) => h("button", { type: "button", class: "quiet", onclick: () => change(one, given) }, name);
  return h("li", { class: one.overdue ? "overdue" : null },
    h("b", {}, words.kinds[one.kind]), ` ${words.dueOn(one.due)}${one.overdue ? ` · ${words.late}` : ""}`,
    h("p", { class: "soft small" }, [one.conversation, one.agent, one.note].filter(Boolean).join(" · ")),
    h("div", { class: "row" }, act({ done: true }, words.done), one.kind === "complaint" && !one.is_complex ? act({ is_complex: true }, words.extend) : null));
}

async function change(one, given) {
  try {
    await ask("POST", `/tickets/${encodeURIComponent(one.id)}`, given);
    await lookAtTickets();
  } catch (error) {
    say($("problem"), error);
  }
}

// --- what is written down -------------------------------------------------------------------------

export async function wrapUp(view) {
  if (!view) return;
  try {
    const drafted = await ask("GET", `/conversations/${encodeURIComponent(view.id)}/wrap-up`);
    open(view, drafted);
  } catch (error) {
    say($("problem"), error);
  }
}

function open(view, drafted) {
  const dialog = $("wrap-up");
  const words = t();
  fill(dialog, h("form", { method: "dialog", onsubmit: (event) => keep(event, view, drafted) },
    h("h2", {}, words.wrapUpTitle(view.customer)),
    h("p", { class: "problem", role: "alert", id: "wrap-problem", hidden: true }),
    drafted.kept && h("p", { id: "wrap-kept", class: "soft small" }, `${words.keptBefore(moment(drafted.kept.at))} ${drafted.kept.text}`),
    field(words.category, choice("wrap-category", Object.entries(words.scenario), drafted.category)),
    field(words.asked, h("p", { id: "wrap-asked" }, drafted.intents.map(told).join("、") || words.nothingAsked)),
    field(words.wrapText, h("textarea", { id: "wrap-text", rows: 4, maxlength: 4000, required: true }, drafted.text)),
    field(words.promised, choice("wrap-slot", amounts(view, words), drafted.promise ? drafted.promise.slot || "other" : "")),
    field(words.promisedDay, h("input", { id: "wrap-day", type: "date", value: drafted.promise?.day })),
    field(words.followUp, choice("wrap-kind", [["", words.noFollowUp], ...Object.entries(words.kinds)], drafted.follow_up?.kind ?? "")),
    field(words.due, h("input", { id: "wrap-due", type: "date", value: drafted.follow_up?.due })),
    field(words.complex, h("input", { id: "wrap-complex", type: "checkbox", onchange: () => ($("wrap-due").value = "") })),
    field(words.note, h("input", { id: "wrap-note", maxlength: 2000, autocomplete: "off" })),
    h("div", { class: "row" }, h("span", { class: "spring" }),
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, words.cancel),
      h("button", { type: "submit", class: "main" }, words.keep))));
  if (!dialog.open) dialog.showModal();
}

const field = (name, control) => h("label", { class: "field" }, h("span", { class: "soft small" }, name), control);

const choice = (id, options, chosen) =>
  h("select", { id }, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));

// The customer's own amounts, each with its name; an amount that is none of them stands in the text.
function amounts(view, words) {
  const money = view.facts.filter((one) => /元$/.test(one.value));
  const named = money.map((one) => [one.slot, `${frame.language === "zh" ? one.chinese : one.english} ${one.value}`]);
  return [["", words.noPromise], ...named, ["other", words.otherAmount]];
}

async function keep(event, view, drafted) {
  event.preventDefault();
  const [slot, kind] = [$("wrap-slot").value, $("wrap-kind").value];
  const given = {
    category: $("wrap-category").value,
    intents: drafted.intents.map((one) => one.name),
    text: $("wrap-text").value.trim(),
    promise: slot ? { slot: slot === "other" ? "" : slot, day: $("wrap-day").value || null } : null,
    follow_up: kind ? { kind, due: $("wrap-due").value || null, is_complex: $("wrap-complex").checked, note: $("wrap-note").value.trim() } : null,
  };
  try {
    await ask("POST", `/conversations/${encodeURIComponent(view.id)}/wrap-up`, given);
    $("wrap-up").close();
    $("wrapped").textContent = t().kept;
    await lookAtTickets();
  } catch (error) {
    say($("wrap-problem"), error);
  }
}
