// Pieces of the page from plain values: elements, numbers, bars and the scale of points. Text is
// always set as text, never as markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("--")) element.style.setProperty(name, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null));
  return element;
}

export const whole = (number) => (number === null ? "—" : Math.round(number).toString());

export function percent(share) {
  if (share === null) return "—";
  const digits = share < 0.1 ? 2 : 1;
  return `${(share * 100).toFixed(digits)}%`;
}

export function decimal(number) {
  if (number === null) return "—";
  if (Number.isInteger(number)) return number.toLocaleString("en-US");
  return number.toLocaleString("en-US", { maximumSignificantDigits: 5 });
}

export function duration(seconds, t) {
  if (seconds === null) return "—";
  if (seconds < 5400) return t.minutes(Math.max(0, Math.round(seconds / 60)));
  if (seconds < 172800) return t.hours(Math.round(seconds / 3600));
  return t.days(Math.round(seconds / 86400));
}

export function badge(decision, t) {
  return h("span", { class: `badge ${decision}` }, t[decision]);
}

// Where the points lie among decline, refer and approve. The ends are drawn as far out as the
// points need.
export function scale(points, cutoffs, t) {
  const { refer_points: refer, approve_points: approve } = cutoffs;
  const room = Math.max(60, 1.2 * (approve - refer));
  const low = Math.min(refer - room, points - 20);
  const high = Math.max(approve + room, points + 20);
  const at = (value) => `${((100 * (value - low)) / (high - low)).toFixed(2)}%`;
  const cut = (value, word) =>
    h("span", { class: "cut", "--at": at(value) }, h("b", {}, whole(value)), ` ${word}`);
  return h(
    "div",
    { class: "scale", "--refer-at": at(refer), "--approve-at": at(approve) },
    h("span", { class: "pin", "--at": at(points) }, whole(points)),
    h("div", { class: "track", "aria-hidden": "true" }),
    h("div", { class: "cuts" }, cut(refer, t.cutRefer), cut(approve, t.cutApprove)),
  );
}

function reasonRow(reason, most, language) {
  const other = language === "zh" ? "en" : "zh";
  const share = `${((100 * reason.points) / most).toFixed(1)}%`;
  return h(
    "li",
    { class: "reason" },
    h("span", { class: "code" }, reason.code),
    h(
      "div",
      {},
      h("p", {}, reason[language]),
      h("p", { class: "soft small", lang: other === "zh" ? "zh-CN" : "en" }, reason[other]),
      h("div", { class: "bar", "--share": share }),
    ),
    h("span", { class: "cost" }, `−${reason.points.toFixed(1)}`),
  );
}

export function ageChip(name, age, t) {
  const limit = age.ttl_s === null ? t.noLimit : t.ofLimit(duration(age.ttl_s, t));
  const used = age.ttl_s && age.age_s !== null ? Math.min(1, age.age_s / age.ttl_s) : 0;
  return h(
    "li",
    { class: `age ${age.state}` },
    h("span", { class: "name", title: name }, name.replaceAll("_", " ")),
    h("span", { class: "old" }, age.age_s === null ? t[age.state] : duration(age.age_s, t)),
    h("div", { class: "life", "--share": `${(100 * used).toFixed(1)}%` }),
    h("span", { class: "soft small" }, age.age_s === null ? "—" : `${t[age.state]} · ${limit}`),
  );
}

export function divergingBar(value, most) {
  const share = most ? `${((50 * Math.abs(value)) / most).toFixed(2)}%` : "0%";
  return h("div", { class: `diverging ${value > 0 ? "worse" : "better"}`, "--share": share });
}

export function facts(rows) {
  return h(
    "dl",
    { class: "facts" },
    rows.map(([name, value, mono]) => [
      h("dt", {}, name),
      h("dd", { class: mono ? "mono" : null }, value),
    ]),
  );
}

export function moment(text) {
  return new Date(text).toLocaleString("sv-SE", { timeZone: "Asia/Shanghai" });
}

export function headline(told, t) {
  return h(
    "div",
    { class: "headline" },
    h("div", {}, badge(told.decision, t), h("p", { class: "soft small" }, t.rule + ruleWords(told.rule, t))),
    h("div", { class: "figure" }, h("b", {}, whole(told.points)), h("span", {}, t.points)),
    h("div", { class: "figure" }, h("b", {}, percent(told.probability_of_default)), h("span", {}, t.pd)),
  );
}

export function ruleWords(rule, t) {
  const [kind, view] = rule.split(":");
  if (kind === "view_missing") return t.ruleMissing(view);
  if (kind === "view_stale") return t.ruleStale(view);
  if (kind === "rule") return t.ruleHard(view);
  return t.ruleOf[kind] ?? t.rulePoints;
}

// What the approved policy said: its version, band, limit and price, and what stood in for the model.
export function policyFacts(policy, t, language) {
  if (!policy) return null;
  const money = (minor) => `${policy.currency} ${(minor / 100).toLocaleString("en-US")}`;
  const rows = [[t.policy, `${policy.name} v${policy.version}`]];
  if (policy.rule_zh) rows.push([t.hardRule, language === "zh" ? policy.rule_zh : policy.rule_en]);
  if (policy.band) rows.push([t.band, policy.band]);
  if (policy.limit_minor !== null) rows.push([t.limit, money(policy.limit_minor)]);
  if (policy.annual_rate_bps !== null) rows.push([t.price, `${policy.annual_rate_bps / 100}%`]);
  if (policy.lane !== "standard") rows.push([t.lane, t.byLot]);
  for (const one of policy.fallback) rows.push([t.steps[one.step], whyNot(one.reason, t)]);
  return facts(rows);
}

const OFF = "switched off: ";

function whyNot(reason, t) {
  if (reason.startsWith(OFF)) return t.stepOff + reason.slice(OFF.length);
  return t.stepWhy[reason] ?? reason;
}

export function reasonList(reasons, t, language) {
  if (!reasons.length) return h("p", { class: "soft" }, t.noReasons);
  const most = Math.max(...reasons.map((reason) => reason.points));
  return h("ol", { class: "reasons" }, reasons.map((reason) => reasonRow(reason, most, language)));
}
