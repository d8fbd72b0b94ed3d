"""Loans told by hand, a small simulated lender's, and the recipes of both."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from finmodel.lender.json_columns import Columns
from finmodel.lender.simulated import Lender
from risk.labels.book import BILLED, DRAWN, LOAN_TOPICS, OVERDUE, REPAID, Book, book_of

SHANGHAI = timedelta(hours=8)
SHIPPED = Path(__file__).parents[2] / "risk"
SMALL = {"customers": 2_500, "days": 520, "seed": 3}


@cache
def small_columns() -> dict[str, Columns]:
    """Loan events of the small lender, late and double ones among them."""
    parts = list(Lender(**SMALL).periods(LOAN_TOPICS))
    return {
        topic: {
            name: np.concatenate([part[topic][name] for part in parts if topic in part])
            for name in next(part[topic] for part in parts if topic in part)
        }
        for topic in LOAN_TOPICS
    }


def small_end_us() -> int:
    """When the small lender's days end."""
    return us(day(2024, 1, 1) + timedelta(days=SMALL["days"]))


def small_book() -> Book:
    return book_of(small_columns(), small_end_us())


def day(*parts: int) -> datetime:
    """A time in Shanghai: year, month, day, hour."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def us(local: datetime) -> int:
    """Microseconds of a time in Shanghai."""
    return int(np.datetime64(local - SHANGHAI, "us").astype(np.int64))


def told(rows: list[tuple[Any, ...]], *names: str) -> Columns:
    """Rows (customer, local time, …) as a topic's columns, each known at once."""
    columns: Columns = {
        "customer_id": np.array([row[0] for row in rows], np.int64),
        "occurred_at": np.array([row[1] - SHANGHAI for row in rows], "M8[us]"),
        "known_at": np.array([row[1] - SHANGHAI for row in rows], "M8[us]"),
    }
    for place, name in enumerate(names, start=2):
        values = [row[place] for row in rows]
        if values and isinstance(values[0], datetime):
            values = [value - SHANGHAI for value in values]
            columns[name] = np.array(values, "M8[us]")
        else:
            columns[name] = np.array(values)
    return columns


def book(
    drawn: list[tuple[Any, ...]],
    marks: list[tuple[Any, ...]] = [],  # noqa: B006  (nothing writes to it)
    paid: list[tuple[Any, ...]] = [],  # noqa: B006
    bills: list[tuple[Any, ...]] = [],  # noqa: B006
    until: datetime | None = None,
) -> Book:
    """A book of (customer, time), (customer, time, dpd), (customer, time, status) and bills.

    Bills are (customer, time, when due, and what is left after it: something, if not said).
    """
    bills = [(*bill, 1)[:4] for bill in bills]
    events = {DRAWN: told(drawn), OVERDUE: told(marks, "dpd")}
    events |= {REPAID: told(paid, "status"), BILLED: told(bills, "due_at", "balance_minor")}
    return book_of(events, us(until or day(2025, 1, 1)))


def lender_recipe(folder: Path, shipped: str, **changes: Any) -> Path:
    """A shipped recipe of the lender at a small size, with changes; the path it is written to."""
    recipe = yaml.safe_load((SHIPPED / f"{shipped}.yaml").read_text(encoding="utf-8"))
    recipe["source"]["lender"] = dict(SMALL)
    recipe["split"] = {"valid_share": 0.2, "oot_share": 0.3}
    recipe["params"] |= {"rounds": 30, "min_data_in_leaf": 20}
    recipe |= changes
    path = folder / f"{shipped}.yaml"
    path.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    return path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forgetful(Lender):
    """A lender that tells nothing that happened from a time on."""

    forgets_from: str = "2024-12-31T16:00:00"

    def periods(self, topics: Any = None) -> Iterator[dict[str, Columns]]:
        for period in super().periods(*([topics] if topics else [])):
            kept = {
                t: c["occurred_at"] < np.datetime64(self.forgets_from) for t, c in period.items()
            }
            yield {
                topic: {name: column[kept[topic]] for name, column in columns.items()}
                for topic, columns in period.items()
                if kept[topic].any()
            }
