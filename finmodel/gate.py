"""Whether a model may be promoted: figures and thresholds in, a verdict out.

Pure: whoever measured the figures hands them over, whoever asks decides what a verdict moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from finmodel.manifest import Check, Verdict

T = TypeVar("T")
NO_OUT_OF_TIME = "out-of-time: not available"
REPORTED = "reported"
LATENCY = "latency ms"
"""The one figure that is another each time."""
NOT_AVAILABLE = "not available"


class Why(StrEnum):
    """Why a threshold that a recipe sets could not be asked of a model."""

    NO_OUT_OF_TIME = "no out-of-time part"
    NO_CHAMPION = "no champion"
    OTHER_FEATURES = "the champion reads other features"
    NOBODY_IN = "nobody is swapped in"
    NOBODY_OUT = "nobody is swapped out"
    NOBODY_APPROVED = "nobody is approved"
    NO_ATTRIBUTE = "no audit-only attribute"
    ONE_GROUP = "fewer than two groups of 100 rows"
    NOT_MEASURED = "not measured"
    NO_CARD = "no scorecard was trained with it"


class CardThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the scorecard that stands in for a model must reach; None is told, and stops nothing."""

    auc: float | None = None
    ks: float | None = None
    brier: float | None = None
    """At most."""
    calibration_slope: tuple[float, float] | None = None
    calibration_intercept: tuple[float, float] | None = None


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model must reach to be promoted."""

    auc: float
    ks: float
    brier: float
    """At most."""
    calibration_slope: tuple[float, float] = (0.9, 1.1)
    calibration_intercept: tuple[float, float] = (-0.1, 0.1)
    parity: float = 1e-12
    """Largest difference in probability between the exported scorer and MLflow's own model."""
    parity_rows: int = 2000
    gini: float | None = None
    """What is None here is measured and told, and stops nothing."""
    psi: float | None = None
    """At most, of the scores: rows that taught against the out-of-time part."""
    latency_ms: float | None = None
    """At most, of score and contributions of one row: the median."""
    approval_ratio: float | None = None
    """Approval rate of each group at the cut-off over that of the best-treated; 0.8: four-fifths"""
    swap_bad_rate: float | None = None
    """At most, of whom it swaps in against the champion, less that of whom it swaps out."""
    scorecard: CardThresholds | None = None
    """Of the scorecard beside it, on the rows that judge the model."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a model parts goods from bads, and how true its probabilities are."""

    auc: float
    ks: float
    brier: float
    calibration_slope: float
    calibration_intercept: float


@dataclass(frozen=True, slots=True)
class Itself:
    """A model that came from elsewhere, on all rows: what it cannot do even on rows it knew.

    How it was taught is judged elsewhere; weights, scores to start from and rows left out are not
    in its text, and only its own probabilities show them.
    """

    auc: float
    ks: float
    brier: float
    shift: float
    """Log-odds of its mean probability, less those of the bad rate."""


@dataclass(frozen=True, slots=True)
class SwapSet:
    """Whom a model would approve that the champion would not, and the reverse, at each cut-off."""

    champion: int
    """Its version."""
    both: int
    swapped_in: int
    swapped_out: int
    neither: int
    bad_rate_in: float | None
    """None where nobody is."""
    bad_rate_out: float | None

    def __str__(self) -> str:
        return (
            f"swap set against version {self.champion}: {self.swapped_in} in "
            f"(bad {_share(self.bad_rate_in)}), {self.swapped_out} out "
            f"(bad {_share(self.bad_rate_out)}), "
            f"{self.both} by both, {self.neither} by neither"
        )


@dataclass(frozen=True, slots=True)
class Population:
    """How a model treats the rows that judge it, beside how well it parts them."""

    latency_ms: float
    approval_ratios: tuple[tuple[str, float | None], ...] = ()
    """Attribute, and the least ratio of its groups; None where nobody is approved."""
    psi: float | None = None
    """None without an out-of-time part."""
    swap_set: SwapSet | None = None
    """None without an out-of-time part or a champion that can score these rows."""
    unmeasured: tuple[tuple[str, Why], ...] = ()
    """A threshold's name, for groups with ` by ` and the attribute, and why it has no figure."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was measured of one model version."""

    figures: Figures
    sample: str
    """Which rows `figures` come from; the model that is judged there never saw them."""
    out_of_time: bool
    parity: float
    """Largest difference found between the exported scorer and MLflow's own model."""
    parity_rows: int
    monotone_breaks: int | None = None
    """Steps against a declared direction; None where none is declared."""
    itself: Itself | None = None
    """Where it came from elsewhere."""
    population: Population | None = None
    card: Figures | None = None
    """Of the scorecard beside it, on the same rows; None where none was trained."""


def judge(needs: Thresholds, evidence: Evidence) -> Verdict:
    """The verdict, check by check; it passes where every check does.

    >>> good = Figures(0.78, 0.43, 0.13, 1.0, 0.0)
    >>> verdict = judge(Thresholds(0.75, 0.4, 0.15), Evidence(good, "5 folds", False, 0.0, 2000))
    >>> verdict.passed, verdict.notes
    (True, ('out-of-time: not available',))
    """
    checks = _of_figures(needs, evidence.figures)
    checks.append(_at_most("parity with MLflow", evidence.parity, needs.parity))
    if evidence.monotone_breaks is not None:
        checks.append(_at_most("monotone breaks", evidence.monotone_breaks, 0))
    if evidence.card is not None:
        checks += _of_card(needs.scorecard or CardThresholds(), evidence.card)
    if evidence.itself is not None:
        checks += _of_itself(needs, evidence.itself)
    notes = [] if evidence.out_of_time else [NO_OUT_OF_TIME]
    if evidence.population is not None:
        checks += _of_population(needs, evidence.population)
        if evidence.population.swap_set is not None:
            notes.append(str(evidence.population.swap_set))
    notes += [f"{name}: {NOT_AVAILABLE}, {why}" for name, why in _unasked(needs, evidence)]
    return Verdict(
        passed=all(check.passed for check in checks),
        checks=tuple(checks),
        sample=evidence.sample,
        notes=tuple(notes),
    )


def failures(verdict: Verdict) -> str:
    """What did not pass, in one line.

    >>> failures(Verdict(False, (Check("auc", 0.7, "≥ 0.75", False),), "5 folds"))
    'auc 0.7 (needs ≥ 0.75)'
    """
    return ", ".join(
        f"{check.name} {_figure(check.value)} (needs {check.needs})"
        for check in verdict.checks
        if not check.passed
    )


def figures_in(verdict: Verdict) -> dict[str, float]:
    """The verdict's figures by name, as metrics; but what the machine's mood decides."""
    return {
        check.name.replace(" ", "_"): check.value
        for check in verdict.checks
        if check.name != LATENCY and check.value is not None
    }


def _of_figures(needs: Thresholds, figures: Figures) -> list[Check]:
    return [
        _at_least("auc", figures.auc, needs.auc),
        _at_least("ks", figures.ks, needs.ks),
        _at_most("brier", figures.brier, needs.brier),
        _between("calibration slope", figures.calibration_slope, needs.calibration_slope),
        _between(
            "calibration intercept", figures.calibration_intercept, needs.calibration_intercept
        ),
        _told("gini", 2.0 * figures.auc - 1.0, needs.gini, _at_least),
    ]


def _of_population(needs: Thresholds, population: Population) -> list[Check]:
    swap = population.swap_set
    checks = [_told(LATENCY, population.latency_ms, needs.latency_ms, _at_most)]
    checks += [
        _told(f"approval ratio by {attribute}", ratio, needs.approval_ratio, _at_least)
        for attribute, ratio in population.approval_ratios
        if ratio is not None or needs.approval_ratio is not None
    ]
    if population.psi is not None:
        checks.append(_told("psi of scores", population.psi, needs.psi, _at_most))
    if swap is not None:
        checks += _of_swap_set(needs, swap)
    return checks


def _of_swap_set(needs: Thresholds, swap: SwapSet) -> list[Check]:
    """Who swaps in people and nobody out cannot show that they are no worse: it fails."""
    name = "bad rate swapped in over out"
    if swap.bad_rate_in is None:
        return []
    if swap.bad_rate_out is None:
        return [] if needs.swap_bad_rate is None else [_at_most(name, None, needs.swap_bad_rate)]
    return [_told(name, swap.bad_rate_in - swap.bad_rate_out, needs.swap_bad_rate, _at_most)]


def _unasked(needs: Thresholds, evidence: Evidence) -> list[tuple[str, Why]]:
    """Each threshold that the recipe sets and that could not be asked; and whoever is approved."""
    population = evidence.population
    no_card = needs.scorecard is not None and evidence.card is None
    lacks = [("scorecard", Why.NO_CARD)] if no_card else []
    if population is None:
        around = ("psi", "latency_ms", "approval_ratio", "swap_bad_rate")
        lacks += [(name, Why.NOT_MEASURED) for name in around if getattr(needs, name) is not None]
        return lacks
    found = list(population.unmeasured)
    if population.swap_set is not None:
        for rate, why in (
            (population.swap_set.bad_rate_in, Why.NOBODY_IN),
            (population.swap_set.bad_rate_out, Why.NOBODY_OUT),
        ):
            found += [("swap_bad_rate", why)] if rate is None else []
    told = [(name, why) for name, why in found if getattr(needs, name.split(" ")[0]) is not None]
    return (
        lacks
        + told
        + [
            (f"approval_ratio by {attribute}", Why.NOBODY_APPROVED)
            for attribute, ratio in population.approval_ratios
            if ratio is None
        ]
    )


def _of_card(needs: CardThresholds, figures: Figures) -> list[Check]:
    return [
        _told("scorecard auc", figures.auc, needs.auc, _at_least),
        _told("scorecard ks", figures.ks, needs.ks, _at_least),
        _told("scorecard brier", figures.brier, needs.brier, _at_most),
        _told(
            "scorecard calibration slope",
            figures.calibration_slope,
            needs.calibration_slope,
            _between,
        ),
        _told(
            "scorecard calibration intercept",
            figures.calibration_intercept,
            needs.calibration_intercept,
            _between,
        ),
    ]


def _of_itself(needs: Thresholds, itself: Itself) -> list[Check]:
    """No slope: on rows that a model learnt by heart it has none."""
    of = "of the model itself"
    return [
        _at_least(f"auc {of}", itself.auc, needs.auc),
        _at_least(f"ks {of}", itself.ks, needs.ks),
        _at_most(f"brier {of}", itself.brier, needs.brier),
        _between(f"shift of probabilities {of}", itself.shift, needs.calibration_intercept),
    ]


def _told(
    name: str,
    value: float | None,
    needs: T | None,
    compare: Callable[[str, float | None, T], Check],
) -> Check:
    """A check that stops a model only where the recipe says so."""
    return Check(name, value, REPORTED, True) if needs is None else compare(name, value, needs)


# Written so that NaN fails, every comparison with it being false, and so that nothing fails.
def _at_least(name: str, value: float | None, least: float) -> Check:
    return Check(name, value, f"≥ {least:g}", value is not None and value >= least)


def _at_most(name: str, value: float | None, most: float) -> Check:
    return Check(name, value, f"≤ {most:g}", value is not None and value <= most)


def _share(rate: float | None) -> str:
    return NOT_AVAILABLE if rate is None else f"{rate:.1%}"


def _figure(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:.4g}"


def _between(name: str, value: float | None, bounds: tuple[float, float]) -> Check:
    passed = value is not None and bounds[0] <= value <= bounds[1]
    return Check(name, value, f"{bounds[0]:g} to {bounds[1]:g}", passed)
