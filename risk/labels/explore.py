"""What a window and a `bad` are chosen by: a recipe's loans as vintages, roll rates and cohorts.

A book and a rule come in; plain rows for a screen or JSON go out, a count beside every share, and
None where nothing can be said yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finmodel.months import Months
from finmodel.records import Float64s, Int64s
from risk.labels.book import Book
from risk.labels.fates import CohortCount, Labels
from risk.labels.rule import LabelRule, month_name
from risk.labels.vintages import first_payments, roll_rates, share, vintages
from risk.labels.words import BUCKET_NAMES, FPD_DAYS

MOST_MOBS = 24


@dataclass(frozen=True, slots=True)
class VintageRow:
    """One cohort: accounts, and the share that was ever so late by each month on book."""

    cohort: str
    accounts: int
    bad: list[int | None]
    """None where the month is not over."""
    observed: list[int | None]
    """Of how many: whose looks stop is observed no longer, unless that late already."""
    rates: list[float | None]


@dataclass(frozen=True, slots=True)
class RollRow:
    """Account-months in a bucket at a month's end, and where they stood a month later."""

    bucket: str
    account_months: int
    rates: list[float | None]
    """To C, M1 … M7."""
    better: float | None
    same: float | None
    worse: float | None


@dataclass(frozen=True, slots=True)
class FirstPaymentRow:
    """One cohort's FPD1, 7, 15 and 30."""

    cohort: str
    accounts: list[int]
    """Whose first bill has been due for so many days."""
    rates: list[float | None]


@dataclass(frozen=True, slots=True)
class Explored:
    """Everything that `finmodel labels explore` shows."""

    recipe: str
    observation: str
    window: int
    bad: str
    indeterminate: str | None
    accounts: int
    known_to: str
    vintage_days: int
    mobs: list[int]
    vintages: list[VintageRow]
    ripened: list[float | None]
    """Share of the last month's bads that each month on book had seen, over cohorts with both."""
    buckets: list[str]
    roll_rates: list[RollRow]
    fpd_days: list[int]
    first_payments: list[FirstPaymentRow]
    cohorts: list[CohortCount]
    excluded: dict[str, int]


def explored(name: str, rule: LabelRule, book: Book, labels: Labels) -> Explored:
    """The tables of a recipe's loans."""
    months = Months(rule.calendar)
    mobs = _mobs(book, months)
    vintage_days = rule.bad_outcome.days
    table = vintages(book, months, vintage_days, mobs, rule.settle_days)
    return Explored(
        recipe=name,
        observation=rule.observation,
        window=rule.window,
        bad=rule.bad,
        indeterminate=rule.indeterminate,
        accounts=len(book),
        known_to=f"{np.datetime64(book.known_to_us, 'us').astype('datetime64[s]')}Z",
        vintage_days=vintage_days,
        mobs=list(range(mobs + 1)),
        vintages=[
            VintageRow(month_name(cohort), n, _counted(bad), _counted(observed), rates)
            for cohort, n, bad, observed, rates in zip(
                table.cohorts.tolist(),
                table.accounts.tolist(),
                table.bad.tolist(),
                table.observed.tolist(),
                [_or_none(row) for row in table.rates],
                strict=True,
            )
        ],
        ripened=_or_none(table.ripened),
        buckets=list(BUCKET_NAMES),
        roll_rates=_rolls(book, months, rule),
        fpd_days=list(FPD_DAYS),
        first_payments=_firsts(book, months, rule),
        cohorts=labels.by_cohort(),
        excluded=labels.excluded,
    )


def _mobs(book: Book, months: Months) -> int:
    """As far as half of the cohorts can be followed: later months rest on a few of them."""
    first = int(months.of(book.opened.at_us.min(keepdims=True))[0])
    last = int(months.of(np.array([book.known_to_us]))[0]) - 1
    return int(np.clip((last - first) // 2, 1, MOST_MOBS))


def _rolls(book: Book, months: Months, rule: LabelRule) -> list[RollRow]:
    rolled = roll_rates(book, months, settle_days=rule.settle_days)
    rows = []
    for nth, bucket in enumerate(BUCKET_NAMES):
        n = int(rolled.counts[nth].sum())
        ways = rolled.ways[nth].tolist() if n else [None, None, None]
        rows.append(RollRow(bucket, n, _or_none(rolled.rates[nth]), *ways))
    return rows


def _firsts(book: Book, months: Months, rule: LabelRule) -> list[FirstPaymentRow]:
    table = first_payments(book, months, rule.settle_days)
    shares = share(table.bad, table.accounts)
    return [
        FirstPaymentRow(month_name(cohort), table.accounts[place].tolist(), _or_none(shares[place]))
        for place, cohort in enumerate(table.cohorts.tolist())
    ]


def _counted(row: list[int]) -> list[int | None]:
    return [count if count >= 0 else None for count in row]


def _or_none(values: Float64s | Int64s) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]
