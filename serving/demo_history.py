"""Months of simulated decisions of a demo lender, what became of them, and a drift on demand.

A home with a served model and its customers' ids come in; entries of the audit log and outcomes go
out. Decisions go the real road (`flows.decide`), but for the clock of their entries, which moves
through the past; features are those of now. Whether an application goes bad is drawn from its own
probability, with a seed. Everything is marked as demo.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finmodel import outcome_files
from finmodel.acts import audited
from finmodel.audit import AuditLog
from finmodel.clock import micros
from finmodel.decision_log import LAYOUT
from finmodel.errors import NotReady
from finmodel.outcomes import UNKNOWN, Outcomes
from finmodel.progress import Progress
from finmodel.records import Float64s, Int64s, Person
from finmodel.settings import Settings
from risk.labels.delays import DAY
from serving import flows
from serving.desk import Desk, open_desk
from serving.live import Served
from serving.schemas import Application
from serving.telemetry import Telemetry

SEED = 20051001
WEEKS, DECISIONS = 52, 6_000
DRIFT_WEEKS, DRIFTED = 3, 2_000
LOOKS = 6
"""Outcomes are looked at every thirty days, so often."""
AT_ONCE = 25
FEWEST_VALUES = 20
"""A variable that drifts has at least so many values."""
PARTNER = "partner"
"""The channel that the drift comes through."""
PERSON = Person("demo-engineer", frozenset({"underwriter"}), demo=True)


@dataclass(slots=True)
class PastClock:
    """A clock that is set."""

    at: datetime

    def now(self) -> datetime:
        """What it was set to."""
        return self.at


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """n applications in order of time."""

    prefix: str
    customer: Int64s
    at: tuple[datetime, ...]
    channel: tuple[str, ...]


def replay(
    settings: Settings, customers: Sequence[int], progress: Progress, decisions: int = DECISIONS
) -> None:
    """A year of decisions on customers drawn at random, and their outcomes."""
    rng = np.random.default_rng(SEED)
    drawn = rng.choice(np.asarray(customers, np.int64), decisions)
    channels = rng.choice(("app", "branch"), decisions, p=(0.8, 0.2))
    plan = Plan("H", drawn, _times(settings, WEEKS, rng, decisions), tuple(channels.tolist()))
    _play(settings, plan, rng, progress)


def drift(
    settings: Settings, customers: Sequence[int], progress: Progress, decisions: int = DRIFTED
) -> str:
    """Some weeks of customers whom a new partner sends, all from one end of one variable.

    Of the variables it is the one that points follow most, of its ends the worse. Its name.
    """
    rng = np.random.default_rng(SEED + 1)
    with open_desk(settings, Telemetry()) as desk:
        name, worse = _worse_end(np.asarray(customers, np.int64), desk, _served(desk))
    drawn = rng.choice(worse, decisions)
    times = _times(settings, DRIFT_WEEKS, rng, decisions)
    _play(settings, Plan("D", drawn, times, (PARTNER,) * decisions), rng, progress)
    return name


def _times(
    settings: Settings, weeks: int, rng: np.random.Generator, n: int
) -> tuple[datetime, ...]:
    """Times at random, in order; the same for those that are decided at once."""
    end, span = settings.clock.now() - timedelta(hours=1), timedelta(weeks=weeks).total_seconds()
    ago = np.sort(rng.random(n) * span)[::-1][np.arange(n) // AT_ONCE * AT_ONCE]
    return tuple(end - timedelta(seconds=one) for one in ago.tolist())


def _worse_end(customers: Int64s, desk: Desk, model: Served) -> tuple[str, Int64s]:
    matrix = desk.features.fetch(customers, model.plan, desk.clock.now()).matrix.astype(float)
    raw = model.scorer.raw_many(matrix.astype(np.float32))
    follows = [_follows(column, raw) for column in matrix.T]
    place = int(np.argmax(np.abs(follows)))
    column = matrix[:, place] * np.sign(follows[place])
    return model.manifest.features[place], customers[column >= np.nanquantile(column, 0.8)]


def _follows(values: Float64s, raw: Float64s) -> float:
    """How far the raw score follows a variable: their correlation; 0 for one with few values."""
    known = ~np.isnan(values)
    if len(np.unique(values[known])) < FEWEST_VALUES:
        return 0.0
    return float(np.corrcoef(values[known], raw[known])[0, 1])


def _play(settings: Settings, plan: Plan, rng: np.random.Generator, progress: Progress) -> None:
    clock = PastClock(plan.at[0])
    with (
        open_desk(settings, Telemetry()) as desk,
        # What is simulated need not be on the disk before the next is.
        closing(AuditLog(settings.audit, desk.vault, clock, False, side=LAYOUT)) as log,
    ):
        _served(desk)
        probability = asyncio.run(_decide(replace(desk, audit=log), plan, clock, progress))
        stand_ins = np.array(desk.vault.stand_ins(_ids(plan)), np.int64)
    told = _became(settings, plan, probability, stand_ins, rng)
    facts = {"by": PERSON.name, "new": len(told), "refused": 0, "demo": True}

    def record(path: Path) -> None:
        audited(settings, "outcomes_loaded", {"file": path.name} | facts)

    outcome_files.keep(settings.outcomes, told, record)


async def _decide(desk: Desk, plan: Plan, clock: PastClock, progress: Progress) -> Float64s:
    """Decide them all; (n,) their probabilities, NaN where nothing scored."""
    found: list[float] = []
    asked = [_application(plan, number) for number in range(len(plan.customer))]
    for begin in range(0, len(asked), AT_ONCE):
        clock.at = plan.at[begin]
        some = asked[begin : begin + AT_ONCE]
        answers = await asyncio.gather(*(flows.decide(one, PERSON, desk) for one in some))
        found += [one.probability_of_default or float("nan") for one in answers]
        progress("decisions of the past simulated", len(found), len(asked))
    return np.array(found)


def _application(plan: Plan, number: int) -> Application:
    instalment = number % 4 == 0
    return Application(
        application_id=_ids(plan, number)[0],
        customer_id=int(plan.customer[number]),
        amount_minor=100_000 * (1 + number % 15),
        term_months=(3, 6, 12, 24)[number % 4],
        product="instalment" if instalment else "cash_loan",
        channel=plan.channel[number],
    )


def _ids(plan: Plan, number: int | None = None) -> list[str]:
    numbers = range(len(plan.customer)) if number is None else (number,)
    return [f"{plan.prefix}-{one:05d}" for one in numbers]


def _became(
    settings: Settings,
    plan: Plan,
    probability: Float64s,
    stand_ins: Int64s,
    rng: np.random.Generator,
) -> Outcomes:
    """A look every thirty days at each application that was scored, up to now.

    A bad one falls behind in one of the first six months, some with the first instalment, and does
    not come back; a good one is late by some days now and then.
    """
    scored = np.flatnonzero(~np.isnan(probability))
    n = len(scored)
    look = np.arange(1, LOOKS + 1)
    bad = rng.random(n) < probability[scored]
    begins = rng.integers(0, LOOKS, n)
    behind = np.where(bad[:, None], 30 * (look - begins[:, None]) + 15, 0).clip(min=0)
    slips = ~bad[:, None] & (rng.random((n, LOOKS)) < 0.04)
    dpd = np.where(slips, rng.integers(1, 25, (n, LOOKS)), behind)
    # How late the first instalment is by each look: who fell behind with it never pays it.
    fpd = np.where((begins == 0)[:, None] & bad[:, None], dpd, dpd[:, :1])
    decided = np.array([micros(one) for one in plan.at], np.int64)[scored]
    observed = decided[:, None] + look * 30 * DAY
    seen = observed <= micros(settings.clock.now())
    return _seen(np.repeat(stand_ins[scored], LOOKS), observed, dpd, fpd).only(seen.ravel())


def _seen(
    application: Int64s, observed: Int64s, dpd: npt.NDArray[Any], fpd: npt.NDArray[Any]
) -> Outcomes:
    unknown = np.full(len(application), UNKNOWN, np.int8)
    return Outcomes(
        application,
        observed.ravel(),
        unknown,
        dpd.ravel().astype(np.int32),
        fpd.ravel().astype(np.int32),
    )


def _served(desk: Desk, seconds: float = 30.0) -> Served:
    """The model in service, once it was looked for."""
    until = time.monotonic() + seconds
    while desk.live.serving is None:
        if time.monotonic() > until:
            raise NotReady(
                desk.live.trouble, where="the demo's history", remedy="run the demo first"
            )
        time.sleep(0.05)
    return desk.live.current()
