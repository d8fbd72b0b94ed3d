"""Files that marketing people bring: how customers stand, whom a segment holds, as columns.

A CSV or Parquet file comes in, checked columns go out. A standing that cannot be read refuses the
whole file, with its first line: whoever is taken for somebody who may be contacted must be.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.records import Int64s
from finmodel.table_files import is_csv, lines_of, read_table
from marketing.campaign import CHANNELS
from marketing.lanes import Flags
from marketing.standing import NEVER, Standing

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
_SAID = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
LARGEST = 2**63 - 1


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
        customer=customer, channels=np.stack(ways, axis=1), declined_us=declined, **flags
    )


def read_segment(path: Path) -> Int64s:
    """The customers of a file, in increasing order."""
    return np.sort(_ids(_table(path, (CUSTOMER,)), path))


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    frame = read_table(path, columns, ",", "utf-8-sig")
    lacking = [name for name in columns if name not in frame.columns]
    if lacking:
        raise BadInput(
            f"it lacks the column {lacking[0]}",
            where=str(path),
            remedy=f"give {', '.join(columns)}",
        )
    return frame


def _ids(frame: pd.DataFrame, path: Path) -> Int64s:
    told = frame[CUSTOMER].fillna("").astype(str).str.strip()
    fits = told.str.fullmatch(r"[0-9]{1,19}").to_numpy(dtype=bool)
    wrong = np.flatnonzero(~fits)
    if len(wrong):
        raise _bad(path, wrong, CUSTOMER, "is no whole number of 0 or more")
    numbers = [int(one) for one in told.tolist()]
    large = np.flatnonzero([one > LARGEST for one in numbers])
    if len(large):
        raise _bad(path, large, CUSTOMER, "is larger than any id")
    found = np.array(numbers, np.int64)
    _, first = np.unique(found, return_index=True)
    twice = np.setdiff1d(np.arange(len(found)), first)
    if len(twice):
        raise _bad(path, twice, CUSTOMER, f"{found[twice[0]]} stands twice")
    return found


def _yes_or_no(frame: pd.DataFrame, column: str, path: Path) -> Flags:
    told: Any = frame[column].fillna("").astype(str).str.strip().str.lower().map(_SAID)
    wrong = np.flatnonzero(told.isna().to_numpy())
    if len(wrong):
        raise _bad(path, wrong, column, "is neither 1 nor 0")
    flags: Flags = told.to_numpy(dtype=bool)
    return flags


def _times(frame: pd.DataFrame, column: str, path: Path) -> Int64s:
    """Microseconds; NEVER where nothing stands. A day is taken from its midnight in UTC."""
    text = frame[column].fillna("").astype(str).str.strip()
    times = pd.to_datetime(text.where(text != ""), utc=True, format="ISO8601", errors="coerce")
    wrong = np.flatnonzero((times.isna() & (text != "")).to_numpy())
    if len(wrong):
        raise _bad(path, wrong, column, "is no ISO 8601 time")
    there = times.notna().to_numpy()
    found = np.full(len(frame), NEVER)
    found[there] = [micros(one.to_pydatetime()) for one in times[there]]
    return found


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
