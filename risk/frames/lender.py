"""The rows of a recipe whose label is a rule: what was known of whom, and what became of them.

A recipe comes in; a training frame goes out: features as of each observation point out of the
lender's archive, outcomes from what happened afterwards. Rows that are neither good nor bad teach
nothing and are told: the indeterminate are kept aside, the rest is counted.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd

from feature_store.offline import training_frame
from feature_store.plan import ServicePlan
from feature_store.simulated_home import simulated_home
from finmodel.progress import Progress, silent
from finmodel.records import Float32s, Int64s, Times
from finmodel.settings import Settings
from risk.frames.frame import Followed, TrainingFrame, matrix_in
from risk.frames.loans import book_in, labels_in, lender_of
from risk.labels.book import Book
from risk.labels.fates import Fate, Labels, require_both
from risk.recipe import Recipe


def features_home(recipe: Recipe, settings: Settings, progress: Progress = silent) -> Settings:
    """Where the recipe's features lie: the simulated lender's own home, else the user's."""
    if recipe.source.lender is None:
        return settings
    return simulated_home(settings, lender_of(recipe), progress)


def load_lender(
    recipe: Recipe, plan: ServicePlan, home: Settings, progress: Progress = silent
) -> TrainingFrame:
    """The training frame of good and bad rows, in the order of cohorts, then of customers."""
    book = book_in(recipe, progress)
    labels = labels_in(recipe, book)
    taught = _ordered(labels, Fate.GOOD, Fate.BAD)
    require_both(labels, f"{recipe.file}: label")
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
    where: tuple[Settings, Progress],
) -> tuple[Int64s, Float32s]:
    """Customers of some rows, and what was known of them at their observation points."""
    observed = labels.observed
    ids = book.ids[observed.account[rows]]
    times = pd.to_datetime(observed.at_us[rows], unit="us", utc=True)
    spine = pd.DataFrame({plan.join_key: ids, "event_timestamp": times})
    home, progress = where
    joined = training_frame(home, spine, plan.service, progress=progress)
    return ids, matrix_in(joined, plan.names)


def _ordered(labels: Labels, *fates: Fate) -> Int64s:
    rows = labels.rows(*fates)
    ordered: Int64s = rows[np.argsort(labels.observed.cohort[rows], kind="stable")]
    return ordered


def _month_starts(cohort: Int64s) -> Times:
    """The first day of each cohort's month: rows of one cohort have one time."""
    return cohort.astype("datetime64[M]").astype("datetime64[us]")
