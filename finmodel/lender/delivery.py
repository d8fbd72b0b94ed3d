"""From what happened to what the log gets: event ids, when the lender knew, late and double ones.

In come rows as the simulator makes them, by topic; out come columns in the order of arrival, with
all fields of the topic's type. An id is a bijection of (topic, customer, number), so that no two
events share one and a second sending does. It does not know why something happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from finmodel.events import TOPICS
from finmodel.lender.chance import Keys, fraction, mix, word
from finmodel.lender.json_columns import FIELDS, Columns, hex_words
from finmodel.records import Int64s

LAGS: Final[dict[str, tuple[int, int]]] = {
    "loan.statement.v1": (3 * 3600, 5 * 3600),
    "loan.repayment.v1": (2, 900),
    "loan.overdue.v1": (600, 3600),
}
"""Seconds from an event to the lender's knowing it; a nightly batch is slow."""
_LAG = (1, 5)
LATE: Final = (3_600, 3 * 86_400)
AGAIN: Final = (1, 600)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How events reach the log."""

    seed: int
    late_share: float
    """The share that is known an hour to three days late."""
    twice_share: float
    """The share that is sent a second time, the same bytes, within ten minutes."""

    def event_keys(self, topic: str, customers: Int64s, numbers: Int64s) -> Keys:
        """64 bits: a topic's 5, a customer's 31, the number's 28, and then stirred."""
        kind = np.uint64(TOPICS.index(topic)) << np.uint64(59)
        which = customers.astype(np.uint64) << np.uint64(28) | numbers.astype(np.uint64)
        return mix((which | kind) ^ word(self.seed))

    def send(self, topic: str, rows: Columns) -> Columns:
        """Rows with `key`, `known_at` and `arrived_at`, second sendings among them."""
        keys = self.event_keys(topic, _ints(rows["customer_id"]), _ints(rows["number"]))
        dice = mix(keys ^ word(self.seed + 1))
        known = _ints(rows["occurred_at"]) + _between(*LAGS.get(topic, _LAG), dice)
        dice = mix(dice)
        late = fraction(dice) < self.late_share
        known += np.where(late, _between(*LATE, mix(dice)), 0)
        sent = rows | {"key": keys, "known_at": known, "arrived_at": known}
        dice = mix(dice ^ word(self.seed + 2))
        again = np.flatnonzero(fraction(dice) < self.twice_share)
        second = {name: column[again] for name, column in sent.items()}
        second["arrived_at"] = known[again] + _between(*AGAIN, mix(dice[again]))
        return {name: np.concatenate([sent[name], second[name]]) for name in sent}


class Rows:
    """What happened, by topic, until somebody takes it."""

    def __init__(self, delivery: Delivery, topics: tuple[str, ...], until: int) -> None:
        self._delivery, self._until = delivery, until
        self._waiting: dict[str, list[Columns]] = {topic: [] for topic in topics}

    def wants(self, *topics: str) -> bool:
        """Whether any of them is asked for."""
        return any(topic in self._waiting for topic in topics)

    def add(
        self, topic: str, customers: Int64s, occurred: Int64s, numbers: Int64s, fields: Columns
    ) -> None:
        """Events of one topic; `numbers` tells a customer's apart, `occurred` is in Unix seconds.

        What would happen after the simulation's end is left out.
        """
        if topic not in self._waiting or not len(customers):
            return
        rows = {"customer_id": customers, "occurred_at": occurred, "number": numbers} | fields
        within = occurred < self._until
        if not within.all():
            rows = {name: column[within] for name, column in rows.items()}
        self._waiting[topic].append(self._delivery.send(topic, rows))

    def take(self, before: int | None) -> dict[str, Columns]:
        """What arrived before then (or all), in order of arrival, by topic; it waits no longer."""
        taken: dict[str, Columns] = {}
        for topic, parts in self._waiting.items():
            if not parts:
                continue
            rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            parts.clear()
            if before is not None:
                now = _ints(rows["arrived_at"]) < before
                parts.append({name: column[~now] for name, column in rows.items()})
                rows = {name: column[now] for name, column in rows.items()}
            # The key breaks ties, so that the order is that of no chunk.
            order = np.lexsort((rows["key"], rows["arrived_at"]))
            if len(order):
                taken[topic] = _finished(topic, {name: c[order] for name, c in rows.items()})
        return taken


def _finished(topic: str, rows: Columns) -> Columns:
    """The fields of the type, in its order, and `arrived_at` in Unix seconds."""
    columns: Columns = {"arrived_at": rows["arrived_at"]}
    for name in FIELDS[topic]:
        if name == "event_id":
            columns[name] = hex_words(rows["key"].astype(np.uint64))
        elif name == "currency":
            columns[name] = np.full(len(rows["key"]), b"CNY")
        else:
            columns[name] = rows[name].astype("M8[s]") if name.endswith("_at") else rows[name]
    return columns


def _between(low: int, high: int, dice: Keys) -> Int64s:
    """Whole numbers from low to high, both in."""
    return low + (fraction(dice) * (high + 1 - low)).astype(np.int64)


def _ints(column: npt.NDArray[np.generic]) -> Int64s:
    return column.astype(np.int64, copy=False)
