"""Whether a model may be promoted: figures and thresholds in, a verdict out.

Pure: whoever measured the figures hands them over, whoever asks decides what a verdict moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from finmodel.manifest import Check, Verdict

NO_OUT_OF_TIME = "out-of-time: not available"


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
    if evidence.itself is not None:
        checks += _of_itself(needs, evidence.itself)
    return Verdict(
        passed=all(check.passed for check in checks),
        checks=tuple(checks),
        sample=evidence.sample,
        notes=() if evidence.out_of_time else (NO_OUT_OF_TIME,),
    )


def failures(verdict: Verdict) -> str:
    """What did not pass, in one line.

    >>> failures(Verdict(False, (Check("auc", 0.7, "≥ 0.75", False),), "5 folds"))
    'auc 0.7 (needs ≥ 0.75)'
    """
    return ", ".join(
        f"{check.name} {check.value:.4g} (needs {check.needs})"
        for check in verdict.checks
        if not check.passed
    )


def _of_figures(needs: Thresholds, figures: Figures) -> list[Check]:
    return [
        _at_least("auc", figures.auc, needs.auc),
        _at_least("ks", figures.ks, needs.ks),
        _at_most("brier", figures.brier, needs.brier),
        _between("calibration slope", figures.calibration_slope, needs.calibration_slope),
        _between(
            "calibration intercept", figures.calibration_intercept, needs.calibration_intercept
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


# Written so that NaN fails: every comparison with it is false.
def _at_least(name: str, value: float, least: float) -> Check:
    return Check(name, value, f"≥ {least:g}", value >= least)


def _at_most(name: str, value: float, most: float) -> Check:
    return Check(name, value, f"≤ {most:g}", value <= most)


def _between(name: str, value: float, bounds: tuple[float, float]) -> Check:
    return Check(name, value, f"{bounds[0]:g} to {bounds[1]:g}", bounds[0] <= value <= bounds[1])
