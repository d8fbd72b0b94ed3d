"""`finmodel train`: a recipe of risk or of marketing, told apart by what it says it makes.

A path comes in, what was trained goes out. Training libraries take seconds to import: a mistake in
the recipe need not wait for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finmodel.progress import Progress
from finmodel.recipe_text import parse_yaml
from finmodel.records import TRAINERS, Person
from finmodel.settings import Settings
from marketing.recipe import is_marketing


@dataclass(frozen=True, slots=True)
class Folding:
    """What is asked of folds."""

    only: bool = False
    """Judge by them, and register nothing."""
    repeats: int | None = None
    """How often they are gone through; as the recipe says, if None."""


def train_recipe(
    settings: Settings,
    path: Path,
    folding: Folding,
    progress: Progress,
    person: Person | None = None,
) -> Any:
    """Train and register what a recipe says, or judge it by folds alone.

    As the person who is named, or as whoever is signed in.
    """
    given, _ = parse_yaml(path)
    train = _train_marketing if is_marketing(given) else _train_risk
    return train(settings, path, folding, progress, person)


def _train_marketing(
    settings: Settings, path: Path, folding: Folding, progress: Progress, person: Person | None
) -> Any:
    from marketing.recipe import load_recipe

    recipe = load_recipe(path)
    from marketing.train import refuse_folds, train
    from serving.access import signed_in

    if folding != Folding():
        refuse_folds(recipe)
    return train(recipe, settings, person or signed_in(settings, TRAINERS), progress)


def _train_risk(
    settings: Settings, path: Path, folding: Folding, progress: Progress, person: Person | None
) -> Any:
    from risk.recipe import load_recipe

    recipe = load_recipe(path)
    from risk.train import cross_validate, train
    from serving.access import signed_in

    if folding.only:
        return cross_validate(recipe, settings, progress, repeats=folding.repeats)
    who = person or signed_in(settings, TRAINERS)
    return train(recipe, settings, who, progress, repeats=folding.repeats)
