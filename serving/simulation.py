"""Logged decisions replayed under a policy that nobody approved yet.

A policy's file and a span of time come in; figures and a file of who changes, under pseudonyms, go
out. Points are the logged ones: a simulation asks about the policy, not about the model.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from msgspec import UNSET

from finmodel.acts import audited
from finmodel.durable import replace_file, require_writable
from finmodel.manifest import Calibration, Manifest
from finmodel.records import Float64s, Person
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.policy.answers import ANSWERS
from risk.policy.draws import draw
from risk.policy.file import PolicyFile, RandomApprove, load_policy
from risk.policy.lot_budget import open_lanes
from risk.policy.many import APPROVE, DECLINE, Cases, Outcomes, decide_many
from risk.policy.plan import Cut, Plan, plan_of, reads_of
from risk.policy.proposals import require_fit, require_fit_to
from risk.policy.ruling import POINTS
from risk.policy.simulation import Figures, History, Side, figures_of, joined
from risk.scaling import priced
from serving.access import signed_in
from serving.decision_history import Found, Logged, Window, decisions_in, requests_of
from serving.in_force import past_policy
from serving.live import past_version
from serving.matured import DEFAULT, Maturity, matured, read_outcomes, window_of
from serving.screen import Progress

SIMULATORS = frozenset({"analyst", "engineer", "validator"})
Questions = dict[tuple[str, int], tuple[Plan, Cases]]
"""Each version's plan and decisions."""
__all__ = ["Simulation", "Window", "simulate"]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a policy would have done."""

    policy: str
    sha256: str
    fits: str
    """The champion that it was held against, beside every version that decided in the span."""
    since: str
    until: str
    figures: Figures
    erased: int
    """Decisions whose request can no longer be read; they are in no figure."""
    field_erased: int
    """Decisions in no figure because this policy reads a field that theirs did not, and their
    application can no longer be opened."""
    without_model: int
    """Decisions in no figure because no model was in service: they rest on no features."""
    sealed_opened: int
    """Decisions whose sealed request was opened for this."""
    drawn_anew: int
    """Decisions that took no draw with this policy's seed: drawn by their own id instead."""
    outcomes_elsewhere: int
    """Outcomes of decisions outside the span."""
    changes_file: str
    """Who changes, by pseudonym and decision; empty where nobody asked for it."""
    window_days: int | None = None
    """The performance window, and the days past due that are bad in it; None where a file said
    what became of the decisions."""
    bad_dpd: int | None = None


def simulate(
    settings: Settings,
    file: Path,
    window: Window,
    files: tuple[Path | None, Path | None],
    progress: Progress,
    maturity: Maturity = DEFAULT,
) -> Simulation:
    """Replay the decisions of a span; `files` are the matured outcomes, and where changes go.

    Without a file of outcomes those count that were loaded (`finmodel outcomes load`).
    """
    person = signed_in(settings, SIMULATORS)
    outcomes, changes = files
    if changes is not None:
        require_writable(changes)
    policy, text = load_policy(file)
    fits = require_fit(settings, policy, str(file))
    told = read_outcomes(outcomes) if outcomes is not None else None
    until_now = window_of(settings, policy.model, maturity) if told is None else None
    with closing(Vault(settings.vault)) as vault:
        found = decisions_in(settings, window, reads_of(policy), vault, progress)
    manifests = _fitting(settings, policy, found, str(file))
    bad = (told or {}) if until_now is None else matured(settings, found.all(), until_now)
    parts, lines, anew = [], [], 0
    asked = {}
    for key, rows in found.by_model.items():
        drawn, stood_in = _draws(settings, policy, rows)
        asked[key] = plan_of(policy, manifests[key].features), _cases(rows, drawn)
        anew += stood_in
    if policy.random_approve is not None and policy.random_approve.capped:
        asked = capped(policy.random_approve, asked, found)
    for key, rows in found.by_model.items():
        manifest = manifests[key]
        plan, cases = asked[key]
        now = decide_many(plan, cases)
        pds = pds_of(rows, manifest.calibration)
        parts.append(history_of(rows, cases, now, (plan, pds), bad))
        lines += _changed(rows, now)
    if changes is not None:
        _write(changes, lines)
    _record(settings, person, (policy, text), window, found)
    known = {one.entry.id for one in found.all()}
    return Simulation(
        policy=policy.name,
        sha256=sha256(text.encode()).hexdigest(),
        fits=fits,
        since=window.since.isoformat(),
        until=window.until.isoformat(),
        figures=figures_of(joined(parts), policy.economics),
        erased=found.erased,
        field_erased=found.without,
        without_model=found.without_model,
        sealed_opened=found.opened,
        drawn_anew=anew,
        outcomes_elsewhere=len(bad.keys() - known),
        changes_file="" if changes is None else str(changes),
        window_days=until_now.days if until_now else None,
        bad_dpd=until_now.bad_dpd if until_now else None,
    )


def _fitting(
    settings: Settings, policy: PolicyFile, found: Found, where: str
) -> dict[tuple[str, int], Manifest]:
    """The models that decided; Refused where the points of one are none that the policy reads."""
    manifests = {
        (name, version): past_version(settings.exports, name, version, settings.signing).manifest
        for name, version in found.by_model
    }
    remedy = "mend the policy, or choose a span in which versions that it fits decided"
    for manifest in manifests.values():
        require_fit_to(manifest, policy, where, remedy)
    return manifests


def capped(lane: RandomApprove, asked: Questions, found: Found) -> Questions:
    """The same questions, the lane shut where its day's cap would have left no room.

    A day is one day whichever version decided: all are gone through together, in order of time.
    """
    loose = [decide_many(plan, cases) for plan, cases in asked.values()]
    all_cases = [cases for _, cases in asked.values()]
    may = [one.by_lot | ((one.answers == DECLINE) & (one.propensities > 0.0)) for one in loose]
    entries = [one.entry for one in found.all()]
    order = sorted(range(len(entries)), key=lambda row: (entries[row].time_us, entries[row].id))
    opened = np.empty(len(entries), bool)
    opened[order] = open_lanes(
        lane,
        np.array([one.time_us for one in entries], np.int64)[order],
        np.concatenate([cases.requests["amount_minor"] for cases in all_cases])[order],
        np.concatenate(may)[order],
        np.concatenate([one.by_lot for one in loose])[order],
    )
    parts = np.split(opened, np.cumsum([len(cases) for cases in all_cases])[:-1])
    return {
        key: (plan, replace(cases, lane_open=flags))
        for (key, (plan, cases)), flags in zip(asked.items(), parts, strict=True)
    }


def pds_of(rows: list[Logged], calibration: Calibration) -> Float64s:
    """(n,) probability of default for expected loss: the model's own for pricing, where it has one.

    Where another step scored, as where there is none, it is the one that was logged.
    """
    logged = np.array([float(one.past.probability) for one in rows])
    if calibration.pricing is UNSET:
        return logged
    pds = priced(np.array([float(one.past.raw) for one in rows]), calibration.pricing)
    return np.where(np.isnan(pds), logged, pds)


def history_of(
    rows: list[Logged],
    cases: Cases,
    now: Outcomes,
    by: tuple[Plan, Float64s],
    bad: Mapping[str, int],
) -> History:
    """Decisions of one model beside what a policy's plan says of them, with their PDs."""
    plan, pds = by
    amounts = cases.requests["amount_minor"]
    rate, limit = _terms(cases, now, plan)
    return History(
        was=_was(rows, amounts),
        now=Side(now.answers, now.by_lot, np.minimum(amounts, np.maximum(now.limits, 0))),
        points=cases.points,
        probability=pds,
        stopped=now.bands == "",
        bad=np.array([bad.get(one.entry.id, np.nan) for one in rows], dtype=np.float64),
        weight=np.array([_weight(one) for one in rows]),
        rate_bps=rate,
        lendable=np.minimum(amounts, limit),
        months=cases.requests["term_months"],
    )


def _cases(rows: list[Logged], drawn: Float64s) -> Cases:
    first = rows[0].past.facts
    return Cases(
        requests=requests_of(rows),
        matrix=np.stack([one.past.vector for one in rows]),
        views=first.views,
        states=np.stack([one.past.states for one in rows]),
        points=np.array([float(one.past.points) for one in rows]),
        switched_off=np.zeros(len(rows), bool),
        drawn=drawn,
    )


def _draws(settings: Settings, policy: PolicyFile, rows: list[Logged]) -> tuple[Float64s, int]:
    """Each application's draw, as it was logged where the seed is the same; how many are not."""
    lane = policy.random_approve
    if lane is None:
        return np.ones(len(rows)), 0
    drawn, anew = np.empty(len(rows)), 0
    for place, one in enumerate(rows):
        facts = one.past.facts.policy
        if facts is not None and _seed(settings, facts.name, facts.version) == lane.seed:
            drawn[place] = facts.drawn
            continue
        # The application's id is sealed; the decision's own is as good a lot.
        drawn[place], anew = draw("lane", lane.seed, one.entry.id), anew + 1
    return drawn, anew


def _seed(settings: Settings, name: str, version: int) -> str | None:
    lane = past_policy(settings.policies, name, version, settings.signing).policy.random_approve
    return None if lane is None else lane.seed


def _was(rows: list[Logged], amounts: Float64s) -> Side:
    facts = [one.past.facts for one in rows]
    limits = [
        np.inf if f.policy is None or f.policy.limit_minor is None else f.policy.limit_minor
        for f in facts
    ]
    by_lot = [f.policy is not None and f.policy.lane == "random_approve" for f in facts]
    return Side(
        answers=np.array([ANSWERS.index(f.decision) for f in facts], dtype=np.int8),
        by_lot=np.array(by_lot, dtype=bool),
        exposure=np.minimum(amounts, np.array(limits, dtype=np.float64)),
    )


def _weight(one: Logged) -> float:
    facts = one.past.facts
    if facts.decision != ANSWERS[APPROVE] or facts.policy is None:
        return 1.0
    return 1.0 / facts.policy.propensity if facts.policy.propensity > 0.0 else 1.0


def _terms(cases: Cases, now: Outcomes, plan: Plan) -> tuple[Float64s, Float64s]:
    """Price and limit of each application, were it approved: else its product's dearest band."""
    own = (now.answers == APPROVE) & ~now.by_lot & (now.rules.astype(str) == POINTS)
    rate, limit = np.zeros(len(cases)), np.zeros(len(cases))
    for name, cut in plan.cuts.items():
        rows = cases.requests["product"] == name
        rate[rows], limit[rows] = _dearest(cut)
    rate[own], limit[own] = now.rates[own], now.limits[own]
    return rate, limit


def _dearest(cut: Cut) -> tuple[int, int]:
    for band in cut.bands:
        if band.then == "approve":
            return band.annual_rate_bps or 0, band.limit_minor or 0
    return 0, 0


def _changed(rows: list[Logged], now: Outcomes) -> list[tuple[str, ...]]:
    """A line for each decision that would be another: pseudonym and decision, and no name."""
    lines: list[tuple[str, ...]] = []
    for place, one in enumerate(rows):
        after, was = now.at(place), one.past.facts
        if after.answer != was.decision:
            who = one.entry.pseudonym.hex() if one.entry.pseudonym else ""
            told = (was.decision, was.rule, after.answer, after.rule, after.band)
            lines.append((who, one.entry.id, *told))
    return lines


def _write(path: Path, lines: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("pseudonym", "decision_id", "was", "rule_was", "now", "rule_now", "band_now"))
    table.writerows(lines)
    replace_file(path, text.getvalue().encode())


def _record(
    settings: Settings,
    person: Person,
    asked: tuple[PolicyFile, str],
    window: Window,
    found: Found,
) -> None:
    policy, text = asked
    body = {
        "name": policy.name,
        "sha256": sha256(text.encode()).hexdigest(),
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "decisions": len(found),
        "sealed_opened": found.opened,
        "actor": person.name,
        "actor_roles": sorted(person.roles),
    }
    audited(settings, "policy_simulated", body)
