"""The rows of a recipe on a Feast service: who was looked at, what was known, what became of them.

A recipe comes in; a frame goes out: labels out of the archive's events after each observation,
features out of the same archive before it, which `training_frame` sees to. Rows whose window has
not passed are counted and left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_store.archive_key import Archive, open_archive
from feature_store.archived_moments import Condition, Moments, moments_of
from feature_store.offline import training_frame
from feature_store.plan import ServicePlan, plan_of
from feature_store.simulated_home import simulated_home
from feature_store.store import open_store
from finmodel.errors import BadInput
from finmodel.lender.calendar import DAY, Calendar
from finmodel.lender.simulated import Lender
from finmodel.months import Months
from finmodel.progress import Progress, silent
from finmodel.records import Float32s, Float64s, Int64s
from finmodel.restriction_book import may_train
from finmodel.settings import Settings
from marketing.forbidden import refuse_features
from marketing.frame import CONTROL, Frame, Treatments, midnight_us, require_both
from marketing.label_rule import DAY_US, Event, Observe, event_of
from marketing.labels import (
    Flags,
    Observed,
    drawn_per_customer,
    events_up_to,
    holds_after,
    holds_before,
    mature,
)
from marketing.recipe import MarketingRecipe

LIST_DAY = 9
"""Of the month: a simulated campaign's list is drawn at its first hour, before any offer is shown.

An offer of cycle c is shown within six days of the due day in month c - 1: from the 9th on.
"""
SHOWN = "marketing.offer_shown.v1"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Observations, and of a trial what was done and what came of it."""

    seen: Observed
    given: npt.NDArray[np.int8] | None = None
    channels: tuple[str, ...] = ()
    drew: Flags | None = None

    def only(self, rows: Int64s | Flags) -> Rows:
        """Some of them."""
        given = None if self.given is None else self.given[rows]
        drew = None if self.drew is None else self.drew[rows]
        return Rows(self.seen.only(rows), given, self.channels, drew)


class _Archived:
    """Events by their kind, each read once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._read: dict[Event, Moments] = {}

    def __call__(self, event: Event) -> Moments:
        if event not in self._read:
            where = (Condition(*event[1:]),) if event.field else ()
            self._read[event] = moments_of(self._archive, event.topic, where)
        return self._read[event]

    def with_channel(self, topic: str) -> Moments:
        return moments_of(self._archive, topic, keep=("channel",))

    @property
    def latest_us(self) -> int:
        """Of all that was read."""
        return max((int(one.at_us.max()) for one in self._read.values() if len(one)), default=0)


def load_events(recipe: MarketingRecipe, settings: Settings, progress: Progress = silent) -> Frame:
    """The frame of a recipe that names a service."""
    home = home_of(recipe, settings, progress)
    service = recipe.source.service
    assert service is not None
    store = open_store(home)
    plan = plan_of(store, service)
    refuse_features(plan.names, recipe.audit_only, f"{recipe.file}: source.service {service}")
    told = _Archived(open_archive(home))
    rows, notes = _observed(recipe, told)
    kept = may_train(home, rows.seen.customers)
    if not kept.all():
        rows = rows.only(kept)
        notes += (f"{int((~kept).sum())} rows left out: their customers asked to be erased",)
    progress("labels", 1, 2)
    labels = _labels(recipe, told, rows)
    progress("labels", 2, 2)
    require_both(labels, f"{recipe.file}: label")
    window = round(recipe.label.window_days * DAY_US)
    given = rows.given
    return Frame(
        where=f"events of {recipe.file}",
        ids=rows.seen.customers,
        names=plan.names,
        matrix=_features(rows.seen, plan, home, progress),
        labels=labels,
        at_us=rows.seen.at_us,
        ends_us=rows.seen.at_us + window,
        service=service,
        plan=msgspec.to_builtins(plan),
        treatments=None if given is None else Treatments(rows.channels, given),
        zone=recipe.label.zone,
        notes=notes,
    )


def home_of(recipe: MarketingRecipe, settings: Settings, progress: Progress = silent) -> Settings:
    """Where the recipe's events lie: the simulated lender's own home, else the user's."""
    if recipe.source.lender is None:
        return settings
    return simulated_home(settings, recipe.source.lender.lender, progress)


def _observed(recipe: MarketingRecipe, told: _Archived) -> tuple[Rows, tuple[str, ...]]:
    """Mature observations in order of time, and what is told of the others."""
    rule, observe = recipe.label, recipe.label.observe
    assert observe is not None
    rows = _all(recipe, told, observe)
    if not len(rows.seen):
        raise BadInput(
            "nobody is looked at", where=f"{recipe.file}: label.observe", remedy="look earlier"
        )
    rows = rows.only(drawn_per_customer(rows.seen, observe.most_per_customer, observe.seed))
    if rule.among:
        rows = rows.only(holds_before(rule.among, told, rows.seen))
    holds_after(rule.positive, told, rows.seen.only(np.arange(0)))  # reads what is judged by
    end = _end_us(recipe, told)
    grown = mature(rows.seen, rule.window_days, rule.settle_days, end)
    young = int((~grown).sum())
    rows = rows.only(grown)
    order = np.lexsort((rows.seen.customers, rows.seen.at_us))
    notes = (f"{young} rows not mature: their window ends after the data",) if young else ()
    return rows.only(order), notes


def _all(recipe: MarketingRecipe, told: _Archived, observe: Observe) -> Rows:
    if observe.month_end is not None:
        return Rows(_at_months_ends(recipe, told, observe))
    if observe.event is not None:
        events = told(event_of(observe.event))
        return Rows(_between(Observed(events.customers, events.at_us), observe, recipe.label.zone))
    lender = recipe.source.lender
    assert lender is not None
    return _campaigns(lender.lender, told, observe, recipe.label.zone)


def _at_months_ends(recipe: MarketingRecipe, told: _Archived, observe: Observe) -> Observed:
    """Everybody with an event of `among`, at the end of each month."""
    assert observe.month_end is not None
    first, last = observe.month_end.months
    wanted = [event for rule in recipe.label.among if rule.any for event in rule.events]
    customers = np.unique(np.concatenate([told(event).customers for event in wanted]))
    ends = Months(recipe.label.zone).ends(np.arange(first, last + 1))
    return Observed(np.tile(customers, len(ends)), np.repeat(ends, len(customers)))


def _between(seen: Observed, observe: Observe, zone: str) -> Observed:
    """Observations from the first day on, up to the last, which is not in."""
    rows = np.ones(len(seen), bool)
    if observe.first is not None:
        rows &= seen.at_us >= midnight_us(observe.first, zone)
    if observe.last is not None:
        rows &= seen.at_us < midnight_us(observe.last, zone)
    return seen.only(rows)


def _campaigns(lender: Lender, told: _Archived, observe: Observe, zone: str) -> Rows:
    """A lender's log of trials: each listed customer, the channel or none, and who drew.

    Nothing of the true probabilities is read. The channel is the shown offer's; whom chance held
    out was shown none, and is known by the log alone.
    """
    log = lender.truth().campaigns
    months = np.datetime64(lender.start, "M").astype(np.int64) + log.cycle - 1
    listed = Months(zone).ends(months - 1) + (LIST_DAY - 1) * DAY_US
    seen = Observed(log.customer_id, listed)
    shown = told.with_channel(SHOWN)
    channels = tuple(sorted(set(shown.fields["channel"].tolist())))
    place = np.searchsorted(np.array(channels), shown.fields["channel"].astype(str)) + 1
    # By customer and then by time, as many come before as the place of the first one after.
    first = np.minimum(events_up_to(shown, seen.customers, seen.at_us), len(shown) - 1)
    given = np.where(log.treated, place[first], CONTROL).astype(np.int8)
    rows = Rows(seen, given, channels, log.drew)
    kept = _between(Observed(np.arange(len(seen)), seen.at_us), observe, zone).customers
    return rows.only(kept)


def _labels(recipe: MarketingRecipe, told: _Archived, rows: Rows) -> Float64s:
    if rows.drew is not None:
        return rows.drew.astype(np.float64)
    return holds_after(recipe.label.positive, told, rows.seen).astype(np.float64)


def _end_us(recipe: MarketingRecipe, told: _Archived) -> int:
    """Until when the events are known."""
    if recipe.source.lender is None:
        return told.latest_us
    lender = recipe.source.lender.lender
    return (Calendar(lender.start, lender.days).begin + lender.days * DAY) * 1_000_000


def _features(seen: Observed, plan: ServicePlan, home: Settings, progress: Progress) -> Float32s:
    """(n, f) what was known of each customer at the observation."""
    times = pd.to_datetime(seen.at_us, unit="us", utc=True)
    spine = pd.DataFrame({plan.join_key: seen.customers, "event_timestamp": times})
    joined = training_frame(home, spine, plan.service, progress=progress)
    return np.ascontiguousarray(joined[list(plan.names)].to_numpy(dtype=np.float32))
