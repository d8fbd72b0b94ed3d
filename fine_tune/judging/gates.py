"""Whether an adapter may be promoted: its figures and its recipe's gates in, a verdict out.

A figure that was not measured, or is no number, passes nothing. Who promotes what a verdict allows
is decided elsewhere. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from fine_tune.recipe import Gates, Recipe
from finmodel.manifest import Check, Verdict

_RECOVERED = "canaries recovered"
SAMPLE = "held-out conversations, general text, planted canaries"


def judge(recipe: Recipe, figures: Mapping[str, float]) -> Verdict:
    """The verdict, check by check.

    >>> from fine_tune.recipe import Recipe
    >>> judge(Recipe(name="a", base="b"), {}).passed
    False
    """
    gates = recipe.gates
    told = _Told(figures)
    checks = [
        _at_least("perplexity fall", told.fall("perplexity"), gates.perplexity_fall),
        _at_most("general rise", -told.fall("general_loss"), gates.general_rise),
        _at_least("grounded replies", told["tuned_grounded"], gates.grounded),
        _at_most("violations per reply", told["tuned_violations"], _violations(gates, told)),
        _at_most(_RECOVERED, told["canaries_recovered"], gates.recovered),
        _at_most("exposure of canaries", told["canary_exposure"], gates.exposure),
    ]
    if (wanted := _agreement(recipe)) is not None:
        checks.append(_at_least("held-out agreement", told["heldout_agreement"], wanted))
    return Verdict(all(check.passed for check in checks), tuple(checks), SAMPLE)


def verdict(recipe: Recipe, figures: Mapping[str, float]) -> tuple[bool, tuple[str, ...]]:
    """Whether an adapter passes its recipe's gates, and why not."""
    found = judge(recipe, figures)
    pairs = zip(found.checks, _sentences(recipe, _Told(figures)), strict=True)
    return found.passed, tuple(
        said if check.value is not None else _unmeasured(check.name)
        for check, said in pairs
        if not check.passed
    )


def _unmeasured(name: str) -> str:
    if name == _RECOVERED:
        return "no planted secret was looked for: give the recipe `canaries`"
    return f"{name}: not measured, or no number"


def _sentences(recipe: Recipe, told: _Told) -> tuple[str, ...]:
    """What to say of each check that fails, in the order of the checks."""
    gates = recipe.gates
    return (
        f"held-out perplexity fell by {told.fall('perplexity'):.1%}, "
        f"wanted {gates.perplexity_fall:.0%}",
        f"loss on general text rose by {-told.fall('general_loss'):.1%}, "
        f"allowed {gates.general_rise:.0%}",
        f"{told['tuned_grounded']:.1%} of its replies hold no figure but slots that have a value, "
        f"wanted {gates.grounded:.0%}",
        f"{told['tuned_violations']:.2f} violations per reply, "
        f"allowed {_violations(gates, told):.2f}",
        f"{told['canaries_recovered']:.0f} of {told['canaries']:.0f} planted secrets are "
        f"recovered, allowed {gates.recovered}",
        f"planted secrets are exposed by {told['canary_exposure']:.1f} bits, "
        f"allowed {gates.exposure:.1f}",
        *_unlike(recipe, told),
    )


def _agreement(recipe: Recipe) -> float | None:
    """The part of held-out pairs that must agree; None where no pairs are learnt."""
    if recipe.preference is None or recipe.preference.loss == "sft":
        return None
    return recipe.preference.agreement


def _unlike(recipe: Recipe, told: _Told) -> tuple[str, ...]:
    wanted = _agreement(recipe)
    if wanted is None:
        return ()
    reached = told["heldout_agreement"]
    return (f"{reached:.0%} of held-out pairs came to prefer what was sent, wanted {wanted:.0%}",)


class _Told:
    """Figures by name; NaN where one was not measured."""

    def __init__(self, figures: Mapping[str, float]) -> None:
        self._figures = figures

    def __getitem__(self, name: str) -> float:
        return self._figures.get(name, math.nan)

    def fall(self, name: str) -> float:
        """How far a figure of the tuned model is below the base's, as a part of the base's."""
        base = self[f"base_{name}"]
        return 1.0 - self[f"tuned_{name}"] / base if base else math.nan


def _violations(gates: Gates, told: _Told) -> float:
    return told["base_violations"] if gates.violations == "base" else float(gates.violations)


# Written so that NaN fails, every comparison with it being false.
def _at_least(name: str, value: float, least: float) -> Check:
    return Check(name, _known(value), f"≥ {least:g}", value >= least)


def _at_most(name: str, value: float, most: float) -> Check:
    return Check(name, _known(value), f"≤ {most:g}", value <= most)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
