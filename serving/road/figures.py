"""What the page of the road shows: workers, letters, ages, models and the bill, gathered at once.

A desk comes in, one record goes out. Whatever cannot be looked at is told in its place and keeps
nothing else from being shown. MLflow's file is read as it lies: nothing here imports MLflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from statistics import median
from typing import Final

from msgspec import DecodeError, Struct, ValidationError

from finmodel.errors import FinmodelError
from finmodel.mlflow_file import aliases_in, database_of, runs_in, versions_in
from finmodel.registry import drift_from, rows_from
from finmodel.settings import Settings
from finmodel.suggestion_book import SuggestionBook
from finmodel.vault import Vault
from serving.desk import Desk
from serving.doctor.judging import ViewSample
from serving.doctor.store import sampled_ids, samples
from serving.road.bill import (
    FIGURES,
    Effort,
    Prices,
    RunCost,
    Thousand,
    decisions_cost,
    effort_of,
    run_cost,
    suggestions_cost,
)
from serving.road.letters import Letters
from serving.road.looking import letters_here
from serving.stream_state import WorkerSeen, workers_in

RUNS: Final = 50
"""Training runs that are shown, the newest."""
SHOWINGS: Final = 2_000
"""Showings of suggestions that are measured, the newest."""
ON_A_SERVER: Final = "MLflow is kept by a server, which is not asked here: see finmodel models"
NOTHING_YET: Final = "nothing was registered yet"


class ViewAge(Struct, frozen=True):
    """How old one view is, of customers spread over the store."""

    view: str
    ttl_s: float | None
    sampled: int
    stale: int
    missing: int
    median_s: float | None
    """None where nobody sampled has it."""
    oldest_s: float | None


class Ages(Struct, frozen=True):
    """The views that the model in service reads."""

    views: tuple[ViewAge, ...]
    problem: str = ""


class ModelVersion(Struct, frozen=True):
    """A registered version, and where it serves."""

    name: str
    version: int
    status: str
    served_as: str
    mlflow_aliases: str
    trained_by: str


class Moved(Struct, frozen=True):
    """An alias that was moved outside the gate: what is served did not change."""

    name: str
    alias: str
    served: int | None
    mlflow: int | None


class Models(Struct, frozen=True):
    """Versions, the newest first within each name, and aliases moved outside the gate."""

    versions: tuple[ModelVersion, ...]
    moved: tuple[Moved, ...]
    problem: str = ""


class Bill(Struct, frozen=True):
    """What work cost."""

    prices: Prices
    runs: tuple[RunCost, ...]
    thousands: tuple[Thousand, ...]
    problem: str = ""


class Road(Struct, frozen=True):
    """The whole page."""

    as_of: datetime
    workers: tuple[WorkerSeen, ...]
    letters: Letters
    ages: Ages
    models: Models
    bill: Bill


def road(desk: Desk) -> Road:
    """Everything, as it is now."""
    here = desk.settings
    return Road(
        as_of=desk.clock.now(),
        workers=workers_in(here.streams),
        letters=letters_here(here),
        ages=_ages(desk),
        models=_models(here),
        bill=_bill(desk),
    )


def _ages(desk: Desk) -> Ages:
    model = desk.live.serving
    if model is None:
        return Ages((), "no model is in service, so none says which views must be fresh")
    if model.plan.key_type != "int64":
        return Ages((), "customers' ids are texts, which are not sampled")
    try:
        ids = sampled_ids(desk.settings, model.plan.join_key)
        batch = desk.features.fetch(ids, model.plan, desk.clock.now())
    except FinmodelError as error:
        return Ages((), str(error))
    return Ages(tuple(_age(one, len(batch)) for one in samples(batch)))


def _age(one: ViewSample, sampled: int) -> ViewAge:
    return ViewAge(
        view=one.view,
        ttl_s=one.ttl_s if 0 < one.ttl_s < float("inf") else None,
        sampled=sampled,
        stale=sum(age > one.ttl_s > 0 for age in one.ages_s),
        missing=one.missing,
        median_s=median(one.ages_s) if one.ages_s else None,
        oldest_s=max(one.ages_s, default=None),
    )


def _models(settings: Settings) -> Models:
    path = database_of(settings)
    if path is None:
        return Models((), (), ON_A_SERVER)
    if not path.exists():
        return Models((), (), NOTHING_YET)
    try:
        rows = rows_from(settings, versions_in(path))
        drifts = drift_from(settings, aliases_in(path))
    except FinmodelError as error:
        return Models((), (), str(error))
    versions = (
        ModelVersion(r.name, r.version, r.status, r.served_as, r.mlflow_aliases, r.trained_by)
        for r in rows
    )
    moved = (Moved(one.name, one.alias, one.served, one.mlflow) for one in drifts)
    return Models(tuple(versions), tuple(moved))


def _bill(desk: Desk) -> Bill:
    here = desk.settings
    prices = Prices(here.core_hour_price, here.engine_hour_price, here.gpu_hour_price)
    decided = decisions_cost(desk.telemetry.spent, prices)
    try:
        showings = tuple(_efforts(here, desk.vault))
        thousands = (decided, *suggestions_cost(showings, prices))
        path = database_of(here)
        if path is None:
            return Bill(prices, (), thousands, ON_A_SERVER)
        if not path.exists():
            return Bill(prices, (), thousands, NOTHING_YET)
        runs = tuple(run_cost(one, prices) for one in runs_in(path, FIGURES, RUNS))
    except FinmodelError as error:
        return Bill(prices, (), (decided,), str(error))
    return Bill(prices, runs, thousands)


def _efforts(settings: Settings, vault: Vault) -> Iterator[Effort]:
    """What the newest showings took; none where nothing was ever suggested."""
    if not settings.suggestions.exists():
        return
    with closing(SuggestionBook(settings.suggestions, vault)) as book:
        for body in book.bodies(SHOWINGS):
            try:
                yield effort_of(body)
            except (DecodeError, ValidationError):  # kept empty: its customer was erased meanwhile
                continue
