"""A real lender's table, shipped: 30,000 card customers of 2005 (ATTRIBUTION.md), told as events.

Out come each customer's statements, repayments and statuses from April to September 2005, October's
default as the label, and the four attributes that are for audits only. The table knows months; the
day and minute within each are made here, the same in every run. This module knows no feature store.
"""

from __future__ import annotations

import hashlib
import io
import lzma
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from finmodel.errors import Damaged
from finmodel.events import AccountStatusObserved, Event, RepaymentReceived, StatementIssued
from finmodel.records import Int64s

TABLE = Path(__file__).with_name("credit_default.csv.xz")
SHA256 = "debf24d75b240e4f9e7faecd964ae5859976878bb9a19917962ed5670992c83b"
ZONE = ZoneInfo("Asia/Taipei")
YEAR = 2005
CURRENCY = "TWD"
MINOR = 100
"""Minor units to one dollar."""
OPENED_AT = datetime(YEAR, 4, 1, tzinfo=ZONE)
"""When the attributes of every customer were known: before the first statement."""
LABELLED_AT = datetime(YEAR, 10, 1, tzinfo=ZONE)
"""As of when October's default is to be foretold: everything in the table is known."""

MONTHS: tuple[tuple[int, str, str, str], ...] = (
    (4, "PAY_6", "BILL_AMT6", "PAY_AMT6"),
    (5, "PAY_5", "BILL_AMT5", "PAY_AMT5"),
    (6, "PAY_4", "BILL_AMT4", "PAY_AMT4"),
    (7, "PAY_3", "BILL_AMT3", "PAY_AMT3"),
    (8, "PAY_2", "BILL_AMT2", "PAY_AMT2"),
    (9, "PAY_0", "BILL_AMT1", "PAY_AMT1"),
)
"""Month, and its columns of status, statement balance and repayment; there is no PAY_1."""

Times: TypeAlias = npt.NDArray[np.datetime64]
_DAY = 24 * 60


def load(path: Path = TABLE) -> pd.DataFrame:
    """The table as it was published, one row a customer; Damaged if it is not that file."""
    try:
        body = lzma.decompress(path.read_bytes())
    except lzma.LZMAError as error:
        raise Damaged(
            "it does not decompress", where=str(path), remedy="check it out again"
        ) from error
    if hashlib.sha256(body).hexdigest() != SHA256:
        raise Damaged("its digest is not the table's", where=str(path), remedy="check it out again")
    return pd.read_csv(io.BytesIO(body))


def history(table: pd.DataFrame) -> Iterator[Event]:
    """What happened to each customer, month by month, by kind, in the order it became known.

    A month in which nothing was paid has a statement and a status, and no repayment.
    """
    ids = table["ID"].to_numpy(np.int64)
    limits = table["LIMIT_BAL"].to_numpy(np.int64) * MINOR
    for month, status, bill, paid in MONTHS:
        billed = _spread(ids, 8) + 4
        yield from _statements(ids, limits, table[bill].to_numpy(np.int64) * MINOR, month, billed)
        yield from _repayments(ids, table[paid].to_numpy(np.int64) * MINOR, month, billed)
        yield from _statuses(ids, table[status].to_numpy(np.int64), month)


def labels(table: pd.DataFrame) -> pd.DataFrame:
    """Whom to score, as of when, and what came of it: customer_id, event_timestamp, label 0/1."""
    return pd.DataFrame(
        {
            "customer_id": table["ID"].to_numpy(np.int64),
            "event_timestamp": pd.Timestamp(LABELLED_AT.astimezone(UTC)),
            "label": table["DEFAULT"].to_numpy(np.int64),
        }
    )


def audit_attributes(table: pd.DataFrame) -> pd.DataFrame:
    """What fairness is measured with and nothing is scored with: sex, education, marriage, age.

    Codes are the authors': sex 1 man, 2 woman; education 1 graduate school, 2 university, 3 high
    school, 4 others; marriage 1 married, 2 single, 3 others; the rest are not documented.
    """
    return pd.DataFrame(
        {
            "customer_id": table["ID"].to_numpy(np.int64),
            "event_timestamp": pd.Timestamp(OPENED_AT.astimezone(UTC)),
            "sex": table["SEX"].to_numpy(np.int64),
            "education": table["EDUCATION"].to_numpy(np.int64),
            "marriage": table["MARRIAGE"].to_numpy(np.int64),
            "age": table["AGE"].to_numpy(np.int64),
        }
    )


def _statements(
    ids: Int64s, limits: Int64s, balances: Int64s, month: int, billed: Int64s
) -> Iterator[Event]:
    """Cut at midnight on a customer's day from the 5th to the 12th, known at six."""
    order = np.argsort(billed, kind="stable")
    happened = billed[order] * _DAY
    rows = zip(
        ids[order].tolist(),
        _times(month, happened),
        _times(month, happened + 6 * 60),
        limits[order].tolist(),
        balances[order].tolist(),
        strict=True,
    )
    for customer, occurred_at, known_at, limit, balance in rows:
        yield StatementIssued(
            event_id=_event_id(customer, month, "statement"),
            customer_id=customer,
            occurred_at=occurred_at,
            known_at=known_at,
            currency=CURRENCY,
            limit_minor=limit,
            balance_minor=balance,
        )


def _repayments(ids: Int64s, amounts: Int64s, month: int, billed: Int64s) -> Iterator[Event]:
    """Paid 6 to 15 days after the statement, by day, and known at two in the following night."""
    day = billed + 6 + _spread(ids + month, 10)
    minute = day * _DAY + 8 * 60 + _spread(ids * 13 + month, 14 * 60)
    order = np.argsort(minute, kind="stable")
    order = order[amounts[order] > 0]
    rows = zip(
        ids[order].tolist(),
        _times(month, minute[order]),
        _times(month, (day[order] + 1) * _DAY + 2 * 60),
        amounts[order].tolist(),
        strict=True,
    )
    for customer, occurred_at, known_at, amount in rows:
        yield RepaymentReceived(
            event_id=_event_id(customer, month, "repayment"),
            customer_id=customer,
            occurred_at=occurred_at,
            known_at=known_at,
            currency=CURRENCY,
            amount_minor=amount,
        )


def _statuses(ids: Int64s, codes: Int64s, month: int) -> Iterator[Event]:
    """Observed at eight in the evening of the month's last day, known by half past eleven."""
    closing = (monthrange(YEAR, month)[1] - 1) * _DAY + 20 * 60
    known = closing + 2 * 60 + _spread(ids * 7 + month, 90)
    order = np.argsort(known, kind="stable")
    occurred_at = _times(month, np.array([closing], np.int64))[0]
    rows = zip(ids[order].tolist(), _times(month, known[order]), codes[order].tolist(), strict=True)
    for customer, known_at, code in rows:
        yield AccountStatusObserved(
            event_id=_event_id(customer, month, "status"),
            customer_id=customer,
            occurred_at=occurred_at,
            known_at=known_at,
            status_code=code,
        )


def _event_id(customer: int, month: int, kind: str) -> str:
    """The same for the same event, and it names no customer: ids are archived as they are.

    >>> _event_id(7, 4, "status")
    'uci350-3b2bc05e986dc933bb330d41'
    """
    event = f"{customer} {YEAR}-{month:02} {kind}".encode()
    return f"uci350-{hashlib.blake2b(event, digest_size=12).hexdigest()}"


def _spread(keys: Int64s, size: int) -> Int64s:
    """A number in [0, size) for each key, evenly, the same in every run.

    >>> _spread(np.array([1, 2, 3, 1]), 10).tolist()
    [6, 2, 8, 6]
    """
    return ((keys * 2_654_435_761) % 2**32 * size >> 32).astype(np.int64)


def _times(month: int, minutes: Int64s) -> list[datetime]:
    """Times in the lender's zone, by minutes since the month's first midnight."""
    first = np.datetime64(f"{YEAR}-{month:02}-01T00:00", "us")
    distinct, which = np.unique(minutes, return_inverse=True)
    naive: list[datetime] = (first + distinct.astype("timedelta64[m]")).tolist()
    local = [time.replace(tzinfo=ZONE) for time in naive]
    return [local[index] for index in which.tolist()]
