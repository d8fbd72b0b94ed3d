"""From a point of a panel back to its decisions.

What a monitor was made of becomes flat columns, which can be kept and mapped; a point, told by what
it is made of (a period, a band, a cohort …), becomes the places of its decisions in them. What
rests on features is found by reading vectors again, which is the reader's business. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.drift import FEWEST, Bins, bin_of, psi_parts
from finmodel.errors import BadInput
from finmodel.outcomes import UNKNOWN
from finmodel.records import Int64s
from risk.labels.rule import month_name
from risk.labels.words import BUCKET_NAMES, FPD_DAYS
from risk.monitor.assembly import Seen
from risk.monitor.followed import Followed, first_late, first_payments, months_of
from risk.monitor.followed import rolls as rolls_of

Columns = Mapping[str, npt.NDArray[Any]]
Outcome = Literal["bad", "good", "not_mature"]
OUTCOMES: Final[dict[int, Outcome]] = {1: "bad", 0: "good", UNKNOWN: "not_mature"}
NEVER: Final = 127
"""The month on book of what was never late."""


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Decisions that have all of this in common; each part that is not given holds of any."""

    period: str | None = None
    band: int | None = None
    """Counted from 1, the worst first."""
    matured: bool = False
    """Only those whose outcome is known."""
    bad: bool | None = None
    cohort: str | None = None
    """The month of decision, such as 2026-03."""
    late_by_mob: int | None = None
    """Ever so late by this month on book, though looks may have stopped."""
    roll: str | None = None
    """From one month's bucket to the next month's, such as M1>M2."""
    fpd: int | None = None
    """The first instalment was late by at least so many days."""
    sampled: bool = False
    """Of the seeded sample, whose scores are computed again."""
    differing: bool = False
    """Sampled, and their score came out otherwise when it was computed again."""
    swap: tuple[bool, bool] | None = None
    """Sampled, and whether champion and challenger would approve."""
    variable: str | None = None
    cell: int | None = None
    """Of the variable's cells."""
    view: str | None = None
    state: Literal["present", "stale", "missing", "future"] | None = None
    """Of the view."""


class VariableCell(msgspec.Struct, frozen=True):
    """One cell of a variable: what it holds, at build and now."""

    cell: int
    kind: Literal["number", "category", "unseen", "missing", "sentinel"]
    low: float | None
    """From this value on; the value itself of a category or a sentinel; null without a limit."""
    high: float | None
    """Below this value; null where there is no limit."""
    build_share: float
    n: int
    share: float | None
    csi_part: float | None


class VariableCells(msgspec.Struct, frozen=True):
    """A variable in its cells, as its CSI is made of them."""

    name: str
    place: int
    """In the vector."""
    bins: Bins
    cells: tuple[VariableCell, ...]


def columns_of(seen: Seen, followed: Followed) -> dict[str, npt.NDArray[Any]]:
    """All that `rows_of` looks at: (n,) by decision; rolls and the sample point at their rows."""
    decisions, sample = seen.scanned.decisions, seen.scanned.sample
    n, told = len(decisions), followed.outcomes.dpd != UNKNOWN
    dpd_row, dpd = followed.row[told], followed.outcomes.only(told)
    late, mob = first_late(decisions, dpd_row, dpd, seen.window)
    roll_row, roll = rolls_of(dpd_row, dpd)
    late_mob = np.full(n, NEVER, np.int8)
    late_mob[late] = mob.clip(max=NEVER)
    fpd = np.full(n, UNKNOWN, np.int32)
    for days in FPD_DAYS:
        ripe, late_then = first_payments(decisions, followed, days)
        fpd[ripe[late_then]] = days
    found: dict[str, npt.NDArray[Any]] = {
        "time_us": decisions.time_us,
        "place": decisions.place,
        "points": decisions.points,
        "answer": decisions.answer,
        "period": decisions.period,
        "label": followed.label,
        "band": bin_of(seen.reference.points, decisions.points).astype(np.int8),
        "cohort": months_of(decisions.time_us).astype(np.int32),
        "late_mob": late_mob,
        "fpd": fpd,
        "roll_row": roll_row,
        "roll": roll.astype(np.int8),
        "sample_row": np.searchsorted(decisions.place, sample.place),
    }
    return found | _again(seen)


def _again(seen: Seen) -> dict[str, npt.NDArray[Any]]:
    """(k,) of the sample: whether its score differs, and 2 × champion + challenger approves."""
    sample, champion, other = seen.scanned.sample, seen.champion, seen.challenger
    differs = np.zeros(len(sample.raw), bool)
    swap = np.full(len(sample.raw), UNKNOWN, np.int8)
    if champion is not None and len(sample.raw):
        again = champion.raw(sample.vectors)
        differs = again.view(np.int64) != sample.raw.view(np.int64)
        if other is not None:
            yes = champion.points(sample.raw) >= champion.approve_points
            also = other.points(other.raw(sample.vectors)) >= other.approve_points
            swap = (2 * yes + also).astype(np.int8)
    return {"sample_differs": differs, "sample_swap": swap}


def variables_of(seen: Seen) -> list[VariableCells]:
    """Every variable in its cells, in the vector's order."""
    counts = seen.scanned.counter.counts.sum(axis=0)
    return [
        VariableCells(one.name, place, one.bins, _cells(one.bins, one.counts, counts[place]))
        for place, one in enumerate(seen.reference.features)
    ]


def _cells(bins: Bins, then: tuple[int, ...], counts: Int64s) -> tuple[VariableCell, ...]:
    now, m = counts[: len(bins)], max(sum(then), 1)
    n = int(now.sum())
    enough = n >= FEWEST
    parts = psi_parts(then, now) if enough else None
    return tuple(
        VariableCell(
            cell,
            *_meaning(bins, cell),
            build_share=then[cell] / m,
            n=int(now[cell]),
            share=int(now[cell]) / n if enough else None,
            csi_part=None if parts is None else float(parts[cell]),
        )
        for cell in range(len(bins))
        if then[cell] or now[cell]
    )


def _meaning(bins: Bins, cell: int) -> tuple[Any, float | None, float | None]:
    if cell > bins.missing:
        return "sentinel", bins.sentinels[cell - bins.missing - 1], None
    if cell == bins.missing:
        return "missing", None, None
    if cell == bins.unseen:
        return "unseen", None, None
    if bins.categories:
        return "category", bins.categories[cell], None
    edges = (None, *bins.edges, None)
    return "number", edges[cell], edges[cell + 1]


def rows_of(columns: Columns, periods: tuple[str, ...], point: Point) -> Int64s:
    """Places of the point's decisions in the columns, increasing; BadInput for what is unknown.

    What `variable` and `view` say is not looked at.
    """
    held = np.ones(len(columns["time_us"]), bool)
    for told, test in _TESTS.items():
        value = getattr(point, told)
        if value is not None and value is not False:  # a month on book of 0 is told
            held &= test(columns, value)
    if point.bad is not None:
        held &= columns["label"] == int(point.bad)
    if point.period is not None:
        held &= columns["period"] == _place(periods, point.period, "period")
    return np.flatnonzero(held)


def _late(columns: Columns, mob: int) -> npt.NDArray[np.bool_]:
    held: npt.NDArray[np.bool_] = columns["late_mob"] <= min(mob, NEVER - 1)
    return held


def _first_late(columns: Columns, days: int) -> npt.NDArray[np.bool_]:
    if days not in FPD_DAYS:
        raise BadInput(f"{days} days are none of FPD's", where="fpd", remedy=f"one of {FPD_DAYS}")
    held: npt.NDArray[np.bool_] = columns["fpd"] >= days
    return held


def _cohort(columns: Columns, name: str) -> npt.NDArray[np.bool_]:
    months = np.unique(columns["cohort"]).tolist()
    known = {month_name(month): month for month in months}
    held: npt.NDArray[np.bool_] = columns["cohort"] == known.get(name, UNKNOWN)
    return held


def _roll(columns: Columns, name: str) -> npt.NDArray[np.bool_]:
    before, _, after = name.partition(">")
    pair = len(BUCKET_NAMES) * _place(BUCKET_NAMES, before, "roll") + _place(
        BUCKET_NAMES, after, "roll"
    )
    return _only(columns, columns["roll_row"][columns["roll"] == pair])


def _swap(columns: Columns, approved: tuple[bool, bool]) -> npt.NDArray[np.bool_]:
    which = columns["sample_swap"] == 2 * approved[0] + approved[1]
    return _only(columns, columns["sample_row"][which])


def _only(columns: Columns, rows: Int64s) -> npt.NDArray[np.bool_]:
    held = np.zeros(len(columns["time_us"]), bool)
    held[rows] = True
    return held


def _place(names: tuple[str, ...], name: str, what: str) -> int:
    if name not in names:
        raise BadInput(f"{name!r} is none of its {what}s", where=what, remedy="name one of them")
    return names.index(name)


_TESTS: Final[dict[str, Callable[[Columns, Any], npt.NDArray[np.bool_]]]] = {
    "band": lambda columns, band: columns["band"] == band - 1,
    "matured": lambda columns, _: columns["label"] != UNKNOWN,
    "cohort": _cohort,
    "late_by_mob": _late,
    "roll": _roll,
    "fpd": _first_late,
    "sampled": lambda columns, _: _only(columns, columns["sample_row"]),
    "differing": lambda columns, _: _only(
        columns, columns["sample_row"][columns["sample_differs"]]
    ),
    "swap": _swap,
}
