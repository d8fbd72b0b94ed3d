"""A run that learns preferences: its pairs, its reference, and what held-out pairs say of it.

A recipe, a base and prepared lessons come in; samples, and figures of a model, go out. Nothing here
changes where a recipe learns replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fine_tune.bases.base import Base
from fine_tune.lessons.pairs import pair_samples
from fine_tune.lessons.prepare import Prepared
from fine_tune.lessons.samples import Lesson, Sample, Speaker
from fine_tune.lessons.steps import Plan
from fine_tune.recipe import Recipe
from fine_tune.training.preference import kept_reference, preferred, with_reference
from finmodel.errors import BadInput
from finmodel.progress import Progress


def learns_pairs(recipe: Recipe) -> bool:
    """Whether a recipe learns pairs, not replies."""
    return recipe.preference is not None and recipe.preference.loss == "dpo"


def pairs_to_learn(prepared: Prepared, recipe: Recipe, base: Base) -> list[Sample]:
    """The pairs that train; BadInput where there are none."""
    found = _pairs(prepared.lessons["train"], recipe, base)
    if not found:
        raise BadInput(
            "no pair is left to learn from",
            where="; ".join(f"{count} × {why}" for why, count in prepared.left_out.items()),
            remedy="bring verdicts that edit or reject a suggestion and say what was sent",
        )
    return found


def weighed(model: Any, plan: Plan, recipe: Recipe, folder: Path, progress: Progress) -> Plan:
    """The plan with what the model makes of its pairs before it learns any, kept in a folder."""
    if not learns_pairs(recipe):
        return plan
    mine = kept_reference(folder, model, plan.samples, recipe.length, progress)
    return replace(plan, samples=mine)


def held_out_pairs(model: Any, prepared: Prepared, recipe: Recipe, base: Base) -> Sequence[Sample]:
    """The pairs that test, with what the model makes of them before it learns any."""
    if not learns_pairs(recipe):
        return ()
    return with_reference(model, _pairs(prepared.lessons["test"], recipe, base), recipe.length)


def pair_figures(model: Any, held_out: Sequence[Sample], recipe: Recipe) -> dict[str, float]:
    """What a model has come to prefer of held-out pairs; nothing where replies were learnt."""
    if not learns_pairs(recipe):
        return {}
    found = preferred(model, held_out, recipe.length)
    return {
        "heldout_pairs": float(found.pairs),
        "heldout_agreement": found.agreement,
        "heldout_margin": found.margin,
    }


def _pairs(lessons: Sequence[Lesson], recipe: Recipe, base: Base) -> list[Sample]:
    return pair_samples(lessons, Speaker(base.family, base.encode), recipe.length)
