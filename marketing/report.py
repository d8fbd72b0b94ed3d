"""What a version showed on the rows that judged it: deciles, and for uplift curves with intervals.

Labels, scores and trials come in, one record goes out, which is kept with the version and drawn by
the console. Pure.
"""

from __future__ import annotations

import msgspec
import numpy as np

from finmodel.records import Float64s
from marketing.effects.balance import Difference
from marketing.effects.uplift_metrics import Trial, by_decile, curve_of, intervals

FILE = "marketing.json"
"""The name that it is kept under beside a version's run."""


class Decile(msgspec.Struct, frozen=True):
    """A tenth of the rows, the highest scores first."""

    rows: int
    mean_score: float
    response: float
    lift: float
    """Over the mean of all."""
    captured: float
    """Of all responses, those down to here."""


class UpliftDecile(msgspec.Struct, frozen=True):
    """A tenth of a trial, the highest effects first."""

    treated: int
    control: int
    response_treated: float | None
    response_control: float | None


class Bounded(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval; None where too few of both groups are there to tell."""

    value: float | None
    low: float | None
    high: float | None


class UpliftReport(msgspec.Struct, frozen=True):
    """One order of customers by effect."""

    treatment: str
    figures: dict[str, Bounded]
    """effect, auuc, qini, uplift@10%, uplift@20%, uplift@30%"""
    deciles: tuple[UpliftDecile, ...]
    share: tuple[float, ...]
    """Of customers addressed, in hundredths: the curve's places."""
    qini: tuple[float, ...]


class Balanced(msgspec.Struct, frozen=True):
    """How far treated and control differ in one feature before the treatment."""

    name: str
    sds: float
    alarm: bool


class MarketingReport(msgspec.Struct, frozen=True):
    """What is kept with a version."""

    sample: str
    label: dict[str, str]
    rows: dict[str, int]
    """By part: train, valid, oot, purged."""
    response_rate: dict[str, float]
    deciles: tuple[Decile, ...]
    importance: dict[str, float]
    """Share of the mean absolute contribution, the largest ten features."""
    learner: str = ""
    chosen_by: dict[str, float] = {}
    """Qini of each learner on the validation part."""
    uplift: tuple[UpliftReport, ...] = ()
    """Of all treatments together, then of each."""
    balance: tuple[Balanced, ...] = ()
    notes: tuple[str, ...] = ()


def deciles_of(labels: Float64s, scores: Float64s) -> tuple[Decile, ...]:
    """Tenths of the rows in order of falling score.

    >>> deciles_of(np.array([1.0] * 5 + [0.0] * 15), np.arange(20.0, 0.0, -1.0))[0]
    Decile(rows=2, mean_score=19.5, response=1.0, lift=4.0, captured=0.4)
    """
    order = np.argsort(-scores, kind="stable")
    mean, total, seen, rows = float(labels.mean()), float(labels.sum()), 0.0, []
    for part in np.array_split(order, 10):
        response = float(labels[part].mean()) if len(part) else 0.0
        seen += float(labels[part].sum())
        score = float(scores[part].mean()) if len(part) else 0.0
        rows.append(Decile(len(part), score, response, response / mean, seen / total))
    return tuple(rows)


def uplift_report(treatment: str, score: Float64s, trial: Trial) -> UpliftReport:
    """The curve of one order of customers, and figures with their intervals."""
    told = intervals(score, trial)
    curve = curve_of(score, trial)
    return UpliftReport(
        treatment=treatment,
        figures={
            name: Bounded(_known(one.value), _known(one.low), _known(one.high))
            for name, one in told.items()
        },
        deciles=tuple(
            UpliftDecile(treated, control, _known(first), _known(second))
            for treated, control, first, second in by_decile(score, trial)
        ),
        share=tuple(curve.share.tolist()),
        qini=tuple(curve.qini.tolist()),
    )


def balanced(differences: list[Difference], most: int = 20) -> tuple[Balanced, ...]:
    """The features that differ most."""
    return tuple(Balanced(one.name, one.sds, one.alarm) for one in differences[:most])


def importance_of(
    contributions: Float64s, names: tuple[str, ...], most: int = 10
) -> dict[str, float]:
    """Each feature's share of mean absolute contributions (n, f + 1), the largest first."""
    size = np.abs(contributions[:, : len(names)]).mean(axis=0)
    order = np.argsort(-size, kind="stable")[:most]
    total = float(size.sum()) or 1.0
    return {names[place]: float(size[place]) / total for place in order.tolist()}


def _known(rate: float) -> float | None:
    return None if np.isnan(rate) else rate
