"""A small lender's card and all that its report is made of, learnt once for several tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from finmodel.progress import silent
from risk.frames.split import split_by_time
from risk.frames.table import load_table
from risk.learning import (
    judge_by_folds,
    judge_by_time,
    learn,
    teaching_of,
)
from risk.recipe import Recipe, load_recipe
from risk.report.sheets import Development
from risk.scorecard.side_by_side import judge_side, learn_side
from tests.risk.small_lender import RECIPE, loans, table_recipe

NO_TIME = table_recipe(time=None, exclude=["note", "applied_on"])


def recipe_of(folder: Path, table: pd.DataFrame, **changes: Any) -> Recipe:
    """The small lender's recipe with a scorecard, and other changes."""
    table.to_csv(folder / "loans.csv", index=False)
    file = folder / "recipe.yaml"
    told = {**RECIPE, "scorecard": {}, **changes}
    file.write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    return load_recipe(file)


@cache
def developed(by_time: bool = True) -> Development:
    """Both scorers on the small lender's table, with or without a time."""
    changes = {} if by_time else {"source": NO_TIME}
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipe_of(Path(folder), loans(3000), **changes)
        frame = load_table(recipe)
    parts = split_by_time(frame.times, recipe.split, frame.labels, frame.where)
    teaching = teaching_of(recipe)
    trees = learn(frame, parts, teaching)
    if by_time:
        judged = judge_by_time(frame, parts, trees)
    else:
        judged = judge_by_folds(frame, parts.train, teaching, 1)
    side = learn_side(recipe, frame, parts, silent)
    judged_side = judge_side(side, frame, parts, 1, silent)
    return Development(recipe, frame, parts, trees, judged, side, judged_side)
