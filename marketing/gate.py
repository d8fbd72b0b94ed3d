"""Whether a marketing model may be promoted: what it must show beyond true probabilities.

Figures and needs in, checks out, beside those of `finmodel.gate`. Pure.
"""

from __future__ import annotations

from finmodel.gate import REPORTED
from finmodel.manifest import Check, Verdict
from marketing.recipe import UpliftNeeds
from marketing.report import UpliftReport


def with_checks(verdict: Verdict, checks: list[Check], notes: tuple[str, ...]) -> Verdict:
    """A verdict with further checks and notes; it passes where all do."""
    both = (*verdict.checks, *checks)
    passed = all(check.passed for check in both)
    return Verdict(passed, both, verdict.sample, (*verdict.notes, *notes))


def told_lift(lift: float) -> Check:
    """How many times the mean response the highest tenth has: told, and stops nothing."""
    return Check("lift of the top tenth", lift, REPORTED, True)


def of_uplift(needs: UpliftNeeds, report: UpliftReport) -> list[Check]:
    """An order by effect must be worth more than a random one, by more than chance.

    What cannot be told does not pass.
    """
    qini, top = report.figures["qini"], report.figures["uplift@30%"].value
    mean = report.figures["effect"].value
    over = None if top is None or mean is None else top - mean
    return [
        Check("qini", qini.value, REPORTED, True),
        _above("qini lower bound", qini.low, needs.qini_low),
        Check("uplift at 30", top, REPORTED, True),
        _above("uplift at 30 over mean", over, needs.uplift_30_over_mean),
    ]


def _above(name: str, value: float | None, least: float) -> Check:
    return Check(name, value, f"> {least:g}", value is not None and value > least)
