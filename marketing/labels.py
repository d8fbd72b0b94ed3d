"""What became of whom: label windows after an observation, and the parts that they leave apart.

Observations, times of events and a rule's windows come in; yes or no, where each window ends, and
who may teach go out. A window is open at the observation and closed at its end: (t, t + W] after
it, [t - W, t) before it. Pure: knows no file and no feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.lender.chance import Purpose, keys_of, uniform
from finmodel.records import Float64s, Int64s
from marketing.label_rule import DAY_US, Event, Within

Flags: TypeAlias = npt.NDArray[np.bool_]


class Happened(Protocol):
    """Events: whose, and when in microseconds since 1970."""

    @property
    def customers(self) -> Int64s: ...
    @property
    def at_us(self) -> Int64s: ...


Told: TypeAlias = Callable[[Event], Happened]
"""Events of a kind, by customer and then by time."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """n observations: who, and as of when (microseconds since 1970, UTC)."""

    customers: Int64s
    at_us: Int64s

    def __len__(self) -> int:
        return len(self.at_us)

    def only(self, rows: Int64s | Flags) -> Observed:
        """Some of them."""
        return Observed(self.customers[rows], self.at_us[rows])


def any_within(events: Happened, seen: Observed, first_us: Int64s, last_us: Int64s) -> Flags:
    """(n,) whether the customer had an event in (first, last], microseconds since 1970.

    >>> seen = Observed(np.array([7, 7, 8]), np.array([10, 20, 10]))
    >>> events = Observed(np.array([7]), np.array([20]))
    >>> any_within(events, seen, seen.at_us, seen.at_us + 10).tolist()
    [True, False, False]
    """
    counts = [events_up_to(events, seen.customers, at) for at in (first_us, last_us)]
    return counts[1] > counts[0]


def events_up_to(events: Happened, customers: Int64s, at_us: Int64s) -> Int64s:
    """(n,) how many events of the customers before it, and of its own up to its time, there are.

    Only differences between two times of one customer mean anything.
    """
    whose = np.concatenate([events.customers, customers])
    when = np.concatenate([events.at_us, at_us])
    asked = np.arange(len(whose)) >= len(events.at_us)  # at one time: the events first
    order = np.lexsort((asked, when, whose))
    counted = np.empty(len(order), np.int64)
    counted[order] = np.cumsum(~asked[order])
    return counted[len(events.at_us) :]


def holds_after(rules: Iterable[Within], told: Told, seen: Observed) -> Flags:
    """(n,) whether each rule holds in the days after the observation."""
    good = np.ones(len(seen), bool)
    for rule in rules:
        good &= _holds(rule, told, seen, (seen.at_us, seen.at_us + rule.within_us))
    return good


def holds_before(rules: Iterable[Within], told: Told, seen: Observed) -> Flags:
    """(n,) whether each rule holds in the days before the observation, which is not in them."""
    good = np.ones(len(seen), bool)
    for rule in rules:
        good &= _holds(rule, told, seen, (seen.at_us - rule.within_us - 1, seen.at_us - 1))
    return good


def _holds(rule: Within, told: Told, seen: Observed, window: tuple[Int64s, Int64s]) -> Flags:
    found = np.zeros(len(seen), bool)
    for event in rule.events:
        found |= any_within(told(event), seen, *window)
    return found if rule.any else ~found


def drawn_per_customer(seen: Observed, most: int | None, seed: int) -> Int64s:
    """Places of at most so many observations of each customer, drawn by the id and the time.

    What became of a row does not move the draw, and a customer's draw is the same among any others.
    """
    if most is None:
        return np.arange(len(seen))
    lot = uniform(keys_of(seed, seen.customers), Purpose.TRAIT, seen.at_us // 1_000_000)
    order = np.lexsort((lot, seen.customers))
    firsts = np.flatnonzero(np.diff(seen.customers[order], prepend=seen.customers[order][:1] - 1))
    ranks = np.arange(len(order)) - np.repeat(firsts, np.diff(firsts, append=len(order)))
    return np.sort(order[ranks < most])


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Places of the rows of each part, in order; without a time `oot` is empty."""

    train: Int64s
    valid: Int64s
    oot: Int64s
    purged: int = 0
    """Rows of an earlier part whose label knows of a later one: in no part."""


def parted(
    at_us: Int64s, ends_us: Int64s, borders_us: tuple[int, int], where: str = "split"
) -> Parts:
    """Rows before the first border teach, up to the second steer, the rest judge.

    A row whose label window reaches over its border is purged: nothing that judges was known to it.

    >>> parts = parted(np.array([0, 4, 5, 8, 9]), np.array([3, 6, 8, 11, 12]), (5, 9))
    >>> parts.train.tolist(), parts.valid.tolist(), parts.oot.tolist(), parts.purged
    ([0], [2], [4], 2)
    """
    valid, oot = borders_us
    early, middle = at_us < valid, (at_us >= valid) & (at_us < oot)
    late = at_us >= oot
    train, steer = early & (ends_us <= valid), middle & (ends_us <= oot)
    for name, rows in (("train", train), ("valid", steer), ("oot", late)):
        if not rows.any():
            raise BadInput(
                f"the part '{name}' has no rows whose label window ends within it",
                where=where,
                remedy="set split.valid_from and split.oot_from, or shorten the window",
            )
    purged = int(early.sum() - train.sum() + middle.sum() - steer.sum())
    return Parts(np.flatnonzero(train), np.flatnonzero(steer), np.flatnonzero(late), purged)


def mature(seen: Observed, window_days: float, settle_days: float, end_us: int) -> Flags:
    """(n,) whether the window and the days that events may be late have passed by the data's end.

    BadInput where no row is: such a label cannot be learnt from these data.
    """
    lasts = seen.at_us + round((window_days + settle_days) * DAY_US)
    grown: Flags = lasts <= end_us
    if not grown.any():
        days = (end_us - int(seen.at_us.min())) / DAY_US if len(seen) else 0.0
        raise BadInput(
            f"a label window of {window_days:g} days, and {settle_days:g} to settle, is longer than"
            f" the data: they go on for {max(days, 0.0):.0f} days after the first observation",
            where="label",
            remedy="observe earlier, shorten the window, or wait for more events",
        )
    return grown


def lift_in_top(labels: Float64s, scores: Float64s, share: float = 0.1) -> float:
    """How many times the mean response the highest scores have.

    >>> lift_in_top(np.array([1.0] + [0.0] * 9), np.arange(10.0, 0.0, -1.0))
    10.0
    """
    top = np.argsort(-scores, kind="stable")[: max(round(share * len(scores)), 1)]
    mean = float(labels.mean())
    return float(labels[top].mean()) / mean if mean > 0.0 else float("nan")
