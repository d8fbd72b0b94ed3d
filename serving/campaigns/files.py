"""Files that marketing people bring: how customers stand, segments, receipts, responses.

A CSV or Parquet file comes in, columns go out. A standing that cannot be read refuses the whole
file, with its first line: whoever is taken for somebody who may be contacted must be. Of receipts
the rows that cannot be used are told one by one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finmodel.clock import ZONED
from finmodel.errors import BadInput
from finmodel.records import Int64s
from finmodel.table_files import is_csv, lines_of, read_table
from marketing.campaign.lanes import Flags
from marketing.campaign.recipe import CHANNELS
from marketing.campaign.standing import NEVER, Standing
from marketing.ledger.receipts import Receipt
from marketing.outcome.measure import Responses

CUSTOMER = "customer_id"
FLAGS = {
    "consent": "consent",
    "personalisation": "personalised",
    "opted_out": "opted_out",
    "open_complaint": "open_complaint",
    "overdue": "overdue",
    "student": "student",
}
"""Columns of yes and no, and what they are called in a `Standing`."""
WAYS = tuple(f"consent_{name}" for name in CHANNELS)
DECLINED = "declined_at"
COLUMNS = (CUSTOMER, *FLAGS, *WAYS, DECLINED)
RECEIPT = ("event_id", "contact_id", "kind", "at")
"""Of a receipt; `customer_id` too, for an opt-out or a complaint that answers no contact."""
_SAID = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
LARGEST = 2**63 - 1
BEIJING_US = 8 * 3_600_000_000
"""By so much its clocks are ahead of UTC."""


def read_customers(path: Path, now_us: int) -> Standing:
    """How the customers of a file stand; BadInput with the first line that cannot be read."""
    frame = _table(path, COLUMNS)
    customer = _ids(frame, path)
    flags = {name: _yes_or_no(frame, column, path) for column, name in FLAGS.items()}
    ways = [_yes_or_no(frame, column, path) for column in WAYS]
    declined = _times(frame, DECLINED, path)
    late = np.flatnonzero(declined > now_us)
    if len(late):
        raise _bad(path, late, DECLINED, "is later than now")
    return Standing(
        customer=customer,
        channels=np.stack(ways, axis=1),
        declined_us=declined,
        restricted=np.zeros(len(customer), bool),
        **flags,
    )


def read_segment(path: Path) -> Int64s:
    """The customers of a file, in increasing order."""
    return np.sort(_ids(_table(path, (CUSTOMER,)), path))


def read_receipts(path: Path) -> list[Receipt]:
    """The receipts of a file, as they stand in it; what does not hold is the ledger's to refuse."""
    frame = _table(path, RECEIPT, more=(CUSTOMER,))
    at, _, zoned = _parsed(frame["at"])
    given = frame if CUSTOMER in frame.columns else frame.assign(**{CUSTOMER: ""})
    event_id, contact_id, customer, kind = (
        given[name].fillna("").astype(str).str.strip()
        for name in ("event_id", "contact_id", CUSTOMER, "kind")
    )
    times = [
        (None, None) if one == NEVER else (one, None) if zone else (None, one)
        for one, zone in zip(at.tolist(), zoned.tolist(), strict=True)
    ]
    texts = zip(event_id, contact_id, customer, kind.str.lower(), strict=True)
    return [Receipt(*row, *time) for row, time in zip(texts, times, strict=True)]


def read_responses(path: Path) -> Responses:
    """Who responded when; BadInput with the first line that cannot be read."""
    frame = _table(path, (CUSTOMER, "at"))
    times = _times(frame, "at", path)
    gone = np.flatnonzero(times == NEVER)
    if len(gone):
        raise _bad(path, gone, "at", "is no ISO 8601 time")
    return Responses(_numbers(frame, path), times)


def _table(path: Path, columns: tuple[str, ...], more: tuple[str, ...] = ()) -> pd.DataFrame:
    """The file with these columns, and others that it may have, as text."""
    frame = read_table(path, (*columns, *more), ",", "utf-8-sig")
    lacking = [name for name in columns if name not in frame.columns]
    if lacking:
        raise BadInput(
            f"it lacks the column {lacking[0]}",
            where=str(path),
            remedy=f"give {', '.join(columns)}",
        )
    return frame


def _ids(frame: pd.DataFrame, path: Path) -> Int64s:
    """(n,) the customers, each once."""
    found = _numbers(frame, path)
    _, first = np.unique(found, return_index=True)
    twice = np.setdiff1d(np.arange(len(found)), first)
    if len(twice):
        raise _bad(path, twice, CUSTOMER, f"{found[twice[0]]} stands twice")
    return found


def _numbers(frame: pd.DataFrame, path: Path) -> Int64s:
    told = frame[CUSTOMER].fillna("").astype(str).str.strip()
    fits = told.str.fullmatch(r"[0-9]{1,19}").to_numpy(dtype=bool)
    wrong = np.flatnonzero(~fits)
    if len(wrong):
        raise _bad(path, wrong, CUSTOMER, "is no whole number of 0 or more")
    numbers = [int(one) for one in told.tolist()]
    large = np.flatnonzero([one > LARGEST for one in numbers])
    if len(large):
        raise _bad(path, large, CUSTOMER, "is larger than any id")
    return np.array(numbers, np.int64)


def _yes_or_no(frame: pd.DataFrame, column: str, path: Path) -> Flags:
    told: Any = frame[column].fillna("").astype(str).str.strip().str.lower().map(_SAID)
    wrong = np.flatnonzero(told.isna().to_numpy())
    if len(wrong):
        raise _bad(path, wrong, column, "is neither 1 nor 0")
    flags: Flags = told.to_numpy(dtype=bool)
    return flags


def _times(frame: pd.DataFrame, column: str, path: Path) -> Int64s:
    """Microseconds; NEVER where nothing stands."""
    found, wrong, _ = _parsed(frame[column])
    if len(wrong):
        raise _bad(path, wrong, column, "is no ISO 8601 time")
    return found


def _parsed(column: Any) -> tuple[Int64s, Int64s, Flags]:
    """Microseconds, the places of what is no time, and whether each says its zone.

    A day, or a time that says none, is taken by Beijing's clocks.
    """
    text = column.fillna("").astype(str).str.strip()
    times = pd.to_datetime(text.where(text != ""), utc=True, format="ISO8601", errors="coerce")
    there, zoned = times.notna().to_numpy(), text.str.contains(ZONED).to_numpy(dtype=bool)
    found = np.full(len(text), NEVER)
    found[there] = times[there].dt.as_unit("us").astype(np.int64).to_numpy()
    found[there & ~zoned] -= BEIJING_US
    return found, np.flatnonzero(~there & (text != "").to_numpy()), zoned


def _bad(path: Path, rows: Int64s, column: str, what: str) -> BadInput:
    place = int(rows[0])
    line = lines_of(path, ",", "utf-8-sig")[place] if is_csv(path) else place + 1
    kind = "line" if is_csv(path) else "row"
    more = f", and in {len(rows) - 1:,} more rows" if len(rows) > 1 else ""
    return BadInput(
        f"{column} {what}{more}",
        where=f"{path}: {kind} {line}",
        remedy="mend it; nothing of the file was taken in",
    )
