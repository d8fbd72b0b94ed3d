"""A table's rows by what became of them: those that teach, and those that are kept aside.

A frame of a table and a rule come in; good and bad rows go out with their label, the indeterminate
without one, and every row's fate. Where the rows come from is not known here.
"""

from __future__ import annotations

import pandas as pd

from risk.frames.performance import book_of_rows
from risk.labels.fates import Fate, Labels, labels_by, require_both
from risk.labels.rule import LabelRule
from risk.recipe import Recipe


def followed_rows(
    recipe: Recipe, rule: LabelRule, frame: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Labels, pd.DataFrame]]:
    """Rows to learn from with the recipe's label column; all fates, and the indeterminate rows.

    BadInput where there are not both goods and bads, or a column has the label's name.
    """
    labels = labels_by(rule, book_of_rows(recipe, rule, frame))
    require_both(labels, f"{recipe.file}: label")
    taught = labels.rows(Fate.GOOD, Fate.BAD)
    places = labels.observed.account
    outcome = (labels.fate[taught] == Fate.BAD).astype(int)
    rows = frame.iloc[places[taught]].assign(**{recipe.label_column: outcome})
    return rows, (labels, frame.iloc[places[labels.rows(Fate.INDETERMINATE)]])
