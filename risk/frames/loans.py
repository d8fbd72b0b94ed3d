"""A recipe's lender as a book of loans, and what became of whom by the recipe's rule.

A recipe comes in; the book of its lender's loans and every row that its rule looks at go out, or a
sentence where the recipe names no loans to follow. Knows no feature.
"""

from __future__ import annotations

import numpy as np

from finmodel.errors import BadInput
from finmodel.lender.calendar import DAY, Calendar
from finmodel.lender.simulated import Lender
from finmodel.progress import Progress, teller
from risk.frames.performance import book_of_table
from risk.labels.book import LOAN_TOPICS, Book, Columns, book_of
from risk.labels.fates import Labels, labels_by
from risk.labels.rule import LabelRule
from risk.recipe import Recipe


def lender_of(recipe: Recipe) -> Lender:
    """The simulated lender that a recipe names; BadInput where it names none, or no size."""
    told = recipe.source.lender
    if told is None:
        raise BadInput(
            "it names no lender whose loans could be followed",
            where=f"{recipe.file}: source",
            remedy="name `source.lender` and a rule under `label`",
        )
    return told.lender


def rule_of(recipe: Recipe) -> LabelRule:
    """The recipe's rule; BadInput where its label is a column."""
    if isinstance(recipe.label, str):
        raise BadInput(
            f"its label is the column {recipe.label!r}: there is no window to choose",
            where=f"{recipe.file}: label",
            remedy="say observation, window and bad, as docs/risk_recipes.md shows",
        )
    return recipe.label


def book_in(recipe: Recipe, progress: Progress | None = None) -> Book:
    """The book of the recipe's lender as known at the end of its days, or of its table's rows."""
    if recipe.source.table is not None:
        return book_of_table(recipe, rule_of(recipe))
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
    return labels_by(rule_of(recipe), book)
