"""The rows of a recipe whose label is a rule: followed from observation to outcome in a lender's events.

A recipe comes in; a book of its lender's loans, or a training frame, goes out: features as of each
observation point, outcomes from what happened afterwards. Rows that are neither good nor bad teach
nothing and are told: the indeterminate are kept aside, the rest is counted.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd

from feature_store.offline import training_frame
from feature_store.plan import ServicePlan
from feature_store.progress import Progress, teller
from feature_store.simulated_home import simulated_home
from finmodel.errors import BadInput
from finmodel.lender.calendar import DAY, Calendar
from finmodel.lender.simulated import Lender
from finmodel.records import Float32s, Int64s
from finmodel.settings import Settings
from risk.book import LOAN_TOPICS, Book, Columns, book_of
from risk.frame import Followed, TrainingFrame
from risk.label_rule import LabelRule
from risk.labels import Fate, Labels, label, observe
from risk.months import Months
from risk.recipe import Recipe, SimulatedLender


def lender_of(recipe: Recipe) -> Lender:
    """The simulated lender that a recipe names; BadInput where it names none, or no size."""
    told: SimulatedLender | None = recipe.source.lender
    if told is None:
        raise BadInput(
            "it names no lender whose loans could be followed",
            where=f"{recipe.file}: source",
            remedy="name `source.lender`, and a rule under `label`",
        )
    return Lender(customers=told.customers, days=told.days, seed=told.seed, start=told.start)


def rule_of(recipe: Recipe) -> LabelRule:
    """The recipe's rule; BadInput where its label is a column."""
    if isinstance(recipe.label, str):
        raise BadInput(
            f"its label is the column {recipe.label!r}: there is no window to choose",
            where=f"{recipe.file}: label",
            remedy="say observation, window and bad, of a source with `lender`",
        )
    return recipe.label


def book_in(recipe: Recipe, progress: Progress | None = None) -> Book:
    """The book of the recipe's lender, as known at the end of its days."""
    lender = lender_of(recipe)
    calendar = Calendar(lender.start, lender.days)
    parts: dict[str, list[Columns]] = {topic: [] for topic in LOAN_TOPICS}
    tell = teller("months of loans", calendar.months + 1, progress)
    for period in lender.periods(LOAN_TOPICS):
        for topic, columns in period.items():
            parts[topic].append(columns)
        tell()
    events = {
        topic: {name: np.concatenate([part[name] for part in some]) for name in some[0]}
        for topic, some in parts.items()
        if some
    }
    end = (calendar.begin + lender.days * DAY) * 1_000_000
    return book_of(events, end, where=f"{recipe.file}: source.lender")


def labels_in(recipe: Recipe, book: Book) -> Labels:
    """Every row that the recipe's rule looks at, with its fate."""
    rule = rule_of(recipe)
    months = Months(rule.zone)
    return label(book, rule, months, observe(book, rule, months))


def features_home(recipe: Recipe, settings: Settings, progress: Progress | None = None) -> Settings:
    """Where the recipe's features lie: the simulated lender's own home, else the user's."""
    if recipe.source.lender is None:
        return settings
    return simulated_home(settings, lender_of(recipe), progress)


def load_lender(
    recipe: Recipe, plan: ServicePlan, home: Settings, progress: Progress | None = None
) -> TrainingFrame:
    """The training frame of good and bad rows, in the order of cohorts, then of customers."""
    book = book_in(recipe, progress)
    labels = labels_in(recipe, book)
    taught = _ordered(labels, Fate.GOOD, Fate.BAD)
    _require_taught(recipe, labels, taught)
    aside = _ordered(labels, Fate.INDETERMINATE)
    rows = np.concatenate([taught, aside])
    ids, matrix = _features(book, labels, rows, plan, (home, progress))
    cut, cohorts = len(taught), _month_starts(labels.observed.cohort[rows])
    return TrainingFrame(
        where=f"simulated lender of {recipe.file}",
        ids=ids[:cut],
        names=plan.names,
        matrix=matrix[:cut],
        labels=(labels.fate[taught] == Fate.BAD).astype(np.float64),
        times=cohorts[:cut],
        audit={},
        service=plan.service,
        plan=msgspec.to_builtins(plan),
        followed=Followed(
            cohorts=tuple(labels.by_cohort()),
            excluded=labels.excluded,
            aside_ids=ids[cut:],
            aside_matrix=matrix[cut:],
            aside_times=cohorts[cut:],
        ),
    )


def _features(
    book: Book,
    labels: Labels,
    rows: Int64s,
    plan: ServicePlan,
    where: tuple[Settings, Progress | None],
) -> tuple[Int64s, Float32s]:
    """Customers of some rows, and what was known of them at their observation points."""
    observed = labels.observed
    ids = book.ids[observed.account[rows]]
    times = pd.to_datetime(observed.at_us[rows], unit="us", utc=True)
    spine = pd.DataFrame({plan.join_key: ids, "event_timestamp": times})
    home, progress = where
    joined = training_frame(home, spine, plan.service, progress=progress)
    return ids, np.ascontiguousarray(joined[list(plan.names)].to_numpy(dtype=np.float32))


def _ordered(labels: Labels, *fates: Fate) -> Int64s:
    rows = labels.rows(*fates)
    ordered: Int64s = rows[np.argsort(labels.observed.cohort[rows], kind="stable")]
    return ordered


def _month_starts(cohort: Int64s) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """The first day of each cohort's month: rows of one cohort have one time."""
    return cohort.astype("datetime64[M]").astype("datetime64[us]")


def _require_taught(recipe: Recipe, labels: Labels, taught: Int64s) -> None:
    bad = int((labels.fate[taught] == Fate.BAD).sum())
    if 0 < bad < len(taught):
        return
    others = {fate.name.lower().replace("_", " "): len(labels.rows(fate)) for fate in Fate}
    told = ", ".join(f"{count} {name}" for name, count in others.items() if count)
    raise BadInput(
        f"of {len(labels.observed)} rows there are not both goods and bads ({told})",
        where=f"{recipe.file}: label",
        remedy="name earlier cohorts, a shorter window, or a lender with more customers and days",
    )
