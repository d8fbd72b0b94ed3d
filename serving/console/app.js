// The first page: decide, read the answer, look at the record.

import { WORDS } from "/console/words.js";
import {
  ageChip, badge, facts, fill, h, headline, moment, percent, policyFacts, reasonList, scale, whole,
} from "/console/draw.js";
import { $, ask, frame, say, start } from "/console/frame.js";
import { record } from "/console/record.js";

const RECENT = "finmodel.recent";
const KEPT = 20;

const state = {
  answer: null,
  explanation: null,
  recent: JSON.parse(sessionStorage.getItem(RECENT) ?? "[]"),
};

const t = () => WORDS[frame.language];

function showRoute() {
  const signedIn = Boolean(frame.status?.person);
  const explaining = signedIn && location.hash.startsWith("#/explain/");
  $("desk").hidden = !signedIn || explaining;
  $("explain").hidden = !explaining;
  if (!signedIn) return;
  if (explaining) showExplanation();
  else {
    showExamples();
    showAnswer();
    showModel();
    showRecent();
  }
}

function forget() {
  Object.assign(state, { answer: null, explanation: null, recent: [] });
}

// --- asking --------------------------------------------------------------------------------------

function showExamples() {
  const examples = frame.status.examples;
  fill(
    $("examples"),
    examples.length ? h("span", { class: "soft small" }, t().tryOne) : null,
    examples.map((id) =>
      h("button", { type: "button", class: "example", onclick: () => ($("customer").value = id) }, `${id}`),
    ),
  );
}

function application(form) {
  const text = form.customer.value.trim();
  // A number too large for JavaScript would become another customer's: as text it is refused.
  const numbered =
    frame.status.model?.customer_id_type !== "string" && /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text));
  return {
    application_id: `C-${Date.now().toString(36)}`,
    customer_id: numbered ? Number(text) : text,
    amount_minor: Math.round(Number(form.amount.value) * 100),
    term_months: Number(form.term.value),
    product: form.product.value,
    channel: form.channel.value,
  };
}

async function decide(event) {
  event.preventDefault();
  const button = $("decide");
  button.disabled = true;
  button.textContent = t().deciding;
  say($("ask-problem"), null);
  try {
    const asked = application(event.target);
    const answer = await ask("POST", "/decide", asked);
    state.answer = { ...answer, customer_id: asked.customer_id };
    remember(state.answer);
    showAnswer();
    showRecent();
  } catch (error) {
    say($("ask-problem"), error);
  } finally {
    button.disabled = false;
    button.textContent = t().decide;
  }
}

function remember({ decision_id, customer_id, decision, points, probability_of_default }) {
  const one = { decision_id, customer_id, decision, points, probability_of_default, at: Date.now() };
  state.recent = [one, ...state.recent].slice(0, KEPT);
  sessionStorage.setItem(RECENT, JSON.stringify(state.recent));
}

// --- the answer ----------------------------------------------------------------------------------

function showAnswer() {
  const answer = state.answer;
  if (!answer) {
    fill($("answer"), h("p", { class: "empty" }, t().emptyAnswer));
    return;
  }
  fill(
    $("answer"),
    headline(answer, t()),
    policyFacts(answer.policy, t(), frame.language),
    frame.status.model && answer.points !== null ? scale(answer.points, frame.status.model, t()) : null,
    h("h3", {}, t().reasons, h("small", {}, t().reasonsSoft)),
    reasonList(answer.reasons, t(), frame.language),
    h("h3", {}, t().ages, h("small", {}, t().agesSoft)),
    h("ul", { class: "ages" }, Object.entries(answer.feature_ages).map(([name, age]) => ageChip(name, age, t()))),
    h(
      "footer",
      {},
      h("span", { class: "soft small" }, origin(answer)),
      h("code", {}, answer.decision_id),
      answer.decision === "refer" ? h("a", { class: "button", href: `/underwriting#${answer.decision_id}` }, t().underwriting) : null,
      h("a", { class: "button", href: `#/explain/${answer.decision_id}` }, t().explain),
    ),
  );
}

function origin({ model, as_of }) {
  const who = model ? `${t().decidedBy} ${model.name} v${model.version}` : t().noModel;
  return `${who} · ${t().asOf} ${moment(as_of)}`;
}

// --- the model and the session -------------------------------------------------------------------

function showModel() {
  const { model, alias, trouble } = frame.status;
  const title = h("h2", { id: "model-title" }, t().modelTitle);
  if (!model) {
    fill($("model"), title, h("p", { class: "soft" }, t().modelNone), h("p", { class: "problem" }, troubleWords(trouble)));
    return;
  }
  const measures = ["auc", "ks"].filter((name) => name in model.metrics);
  fill(
    $("model"),
    title,
    h(
      "p",
      { class: "model-name" },
      h("b", {}, model.name),
      h("span", { class: "version" }, `v${model.version}`),
      model.demo ? h("span", { class: "mark" }, t().demoMark) : null,
    ),
    measures.length
      ? h("div", { class: "measures" }, measures.map((name) => measure(name, model.metrics[name])))
      : null,
    facts([
      [t().card, t().cards[model.card] ?? model.card],
      [t().point, model.decision_point],
      [t().trainedBy, model.trained_by || "—"],
      [t().approvedBy, model.approved_by || "—"],
      [t().digest, h("span", { title: model.digest }, model.digest.slice(0, 12)), true],
    ]),
    alias?.moved?.length ? h("p", { class: "warning" }, t().drift) : null,
    trouble ? h("p", { class: "warning" }, t().trouble + troubleWords(trouble)) : null,
  );
}

// Why the champion is not in service: said in Chinese too, the service's own words behind it.
function troubleWords(trouble) {
  const told = t().refused({ code: "NotReady", what: trouble });
  return told ? `${told}（${trouble}）` : trouble;
}

function measure(name, value) {
  return h("div", { class: "figure small" }, h("b", {}, value.toFixed(4)), h("span", {}, name.toUpperCase()));
}

function showRecent() {
  if (!state.recent.length) {
    fill($("recent"), h("p", { class: "soft" }, t().recentNone));
    return;
  }
  const rows = state.recent.map((one) =>
    h(
      "tr",
      {},
      h("td", {}, badge(one.decision, t())),
      h("td", { class: "mono" }, `${one.customer_id}`),
      h("td", { class: "number" }, whole(one.points)),
      h("td", { class: "number" }, percent(one.probability_of_default)),
      h("td", { class: "mono soft wide" }, one.decision_id),
      h("td", {}, h("a", { href: `#/explain/${one.decision_id}` }, t().explain)),
    ),
  );
  fill($("recent"), h("table", {}, h("tbody", {}, rows)));
}

// --- the record ----------------------------------------------------------------------------------

async function showExplanation() {
  const id = decodeURIComponent(location.hash.slice("#/explain/".length));
  const back = h("a", { class: "back", href: "#/" }, t().back);
  try {
    if (state.explanation?.decision_id !== id) {
      state.explanation = await ask("GET", `/explain/${encodeURIComponent(id)}`);
    }
    fill($("explain"), back, record(state.explanation, t(), frame.language));
  } catch (error) {
    const problem = h("p", { class: "problem" });
    say(problem, error);
    fill($("explain"), back, problem);
  }
}

// --- events --------------------------------------------------------------------------------------

$("ask").addEventListener("submit", decide);
window.addEventListener("hashchange", showRoute);
start({ show: showRoute, forget });
