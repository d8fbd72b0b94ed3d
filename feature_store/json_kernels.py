"""Compiled reading of events' JSON: spans of a buffer in, a column for each field out.

It reads what producers write, flat objects of whole numbers, plain words and times, in any order of
keys, and leaves every value that is written otherwise (an escape, a float, a null, another key) to
the full decoder: `read` says which. What it does read, it reads as `finmodel.events.decode` does.
Knows a topic by the `Format` alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store.compiling import compiled, lent
from feature_store.text_hash import Bytes, hash_bytes
from finmodel.compiling import Numbers
from finmodel.records import Int64s

NUMBER, TEXT, WORD, TIME = range(4)
"""A field's kind: within bounds; text of some length; one of some words; with a zone."""
_QUOTE, _BACKSLASH, _COMMA, _COLON, _OPEN, _CLOSE = 34, 92, 44, 58, 123, 125


class Format(NamedTuple):
    """A topic's fields as arrays, its tag first: a word with one choice."""

    table: Int64s
    """(f + w, 8), a row for each field and behind them for each word: kind; lowest number, or
    fewest characters, and highest; where its name starts in `text`, and ends; the row of its first
    word, and that behind its last; in the first row, how many fields there are."""
    text: Bytes


@compiled
def read(
    data: Bytes, spans: Int64s, form: Format, found: Int64s, plain: npt.NDArray[np.bool_]
) -> None:
    """Each data[spans[0, i]:spans[1, i]] into found[:, i]; plain[i] is whether it was read.

    A text's column is its hash, a time's its microseconds since 1970 in UTC.
    """
    _read_each(data, spans, form, (found, plain), np.empty(len(found), np.int64))


@lent
def _read_each(data: Bytes, spans: Int64s, form: Format, into: Any, row: Int64s) -> None:
    found, plain = into
    for i in range(spans.shape[1]):
        plain[i] = _object(data, spans[0, i], spans[1, i], form.table, form.text, row)
        if plain[i]:
            for n in range(len(row)):
                found[n, i] = row[n]


@lent
def _skip(data: Bytes, at: int, end: int) -> int:
    while at < end and (data[at] == 32 or data[at] == 9 or data[at] == 10 or data[at] == 13):
        at += 1
    return at


@lent
def _object(data: Bytes, at: int, end: int, table: Int64s, text: Bytes, row: Int64s) -> bool:
    """One object with each of the fields once, and nothing else."""
    at, seen, count = _skip(data, at, end), np.int64(0), len(row)
    if at >= end or data[at] != _OPEN:
        return False
    for n in range(count):
        at = _skip(data, at + 1, end)
        close = _closing(data, at, end)
        field = _field(data, at + 1, close, table, text, n)
        if field < 0 or seen >> field & 1:
            return False
        seen |= np.int64(1) << field
        at = _skip(data, close + 1, end)
        if at >= end or data[at] != _COLON:
            return False
        place = _skip(data, at + 1, end), end
        at = _value(data, place, table, text, field, row)
        if at < 0:
            return False
        at = _skip(data, at, end)
        if at >= end or data[at] != (_CLOSE if n == count - 1 else _COMMA):
            return False
    return bool(_skip(data, at + 1, end) == end)


@lent
def _closing(data: Bytes, at: int, end: int) -> int:
    """Where the quote is that closes the one here; the end if there is none."""
    if at >= end or data[at] != _QUOTE:
        return end
    at += 1
    while at < end and data[at] != _QUOTE:
        at += 1
    return at


@lent
def _field(data: Bytes, at: int, close: int, table: Int64s, text: Bytes, guess: int) -> int:
    """Which field a key names, or -1; the one that our own producers write here comes first."""
    count = table[0, 7]
    for n in range(count):
        field = guess + n if guess + n < count else guess + n - count
        if _same(data, at, close, text, table[field, 3], table[field, 4]):
            return field
    return -1


@lent
def _same(data: Bytes, at: int, end: int, other: Bytes, start: int, stop: int) -> bool:
    if end - at != stop - start:
        return False
    same = True
    for n in range(end - at):
        same = same and data[at + n] == other[start + n]
    return same


@lent
def _value(data: Bytes, place: Any, table: Int64s, text: Bytes, field: int, row: Int64s) -> int:
    """The value in data[place[0]:place[1]] into the row; where it ends, or -1."""
    at, end = place
    if table[field, 0] == NUMBER:
        at = _number(data, at, end, field, row)
        return at if table[field, 1] <= row[field] <= table[field, 2] else -1
    if at >= end or data[at] != _QUOTE:
        return -1
    close = _closing(data, at, end)
    at += 1
    if close >= end:
        return -1
    if table[field, 0] == TIME:
        good = _time(data, at, close, field, row)
    else:
        row[field] = np.int64(hash_bytes(data, at, close))
        good = _fits(data, at, close, table, text, field)
    return close + 1 if good else -1


@lent
def _plain(data: Bytes, at: int, end: int) -> bool:
    """Whether a text stands for itself: ASCII, no escape."""
    odd = False
    for n in range(at, end):
        odd |= data[n] == _BACKSLASH or data[n] < 32 or data[n] > 126
    return not odd


@lent
def _fits(data: Bytes, at: int, end: int, table: Int64s, text: Bytes, field: int) -> bool:
    """Whether a text is long enough and not too long, or is one of the words."""
    if table[field, 0] == TEXT:
        fits = table[field, 1] <= end - at <= table[field, 2]
        return bool(fits) and _plain(data, at, end)
    for word in range(table[field, 5], table[field, 6]):
        if _same(data, at, end, text, table[word, 3], table[word, 4]):
            return True
    return False


@lent
def _number(data: Bytes, at: Any, end: int, field: int, row: Int64s) -> int:
    """A whole number of at most 18 digits, written without a point; where it ends, or -1."""
    negative = at < end and data[at] == 45
    start = at + 1 if negative else at
    value: Any = np.int64(0)
    at = start
    while at < end and 48 <= data[at] <= 57:
        value = value * 10 + (np.int64(data[at]) - 48)
        at += 1
        if at - start > 18:
            return -1
    row[field] = -value if negative else value
    if at == start or (at - start > 1 and data[start] == 48) or at >= end:
        return -1
    return int(at) if data[at] == _COMMA or data[at] == _CLOSE or data[at] <= 32 else -1


@lent
def _digits(data: Bytes, at: int, count: int) -> int:
    """A number of so many digits; far below 0 where one is none."""
    value: Any = 0
    for n in range(at, at + count):
        digit = np.int64(data[n]) - 48
        value = value * 10 + digit if 0 <= digit <= 9 else -1_000_000_000
    return int(value)


@lent
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970 of a date of our calendar (Howard Hinnant, days_from_civil)."""
    year -= 1 if month <= 2 else 0
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@lent
def _month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@lent
def _time(data: Bytes, at: int, end: int, field: int, row: Int64s) -> bool:
    """`YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`, up to microseconds."""
    if end - at < 20 or data[at + 4] != 45 or data[at + 7] != 45 or data[at + 10] != 84:
        return False
    if data[at + 13] != _COLON or data[at + 16] != _COLON:
        return False
    year, month, day = _digits(data, at, 4), _digits(data, at + 5, 2), _digits(data, at + 8, 2)
    hour, minute = _digits(data, at + 11, 2), _digits(data, at + 14, 2)
    second = _digits(data, at + 17, 2)
    if not (1900 <= year <= 9000 and 1 <= month <= 12 and 1 <= day <= _month_days(year, month)):
        return False
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return False
    at, fraction = _fraction(data, at + 19, end)
    east = _zone(data, at, end)
    if fraction < 0 or east < -100_000:
        return False
    seconds = _days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
    row[field] = (seconds - east) * 1_000_000 + fraction
    return True


@lent
def _fraction(data: Bytes, at: int, end: int) -> Numbers:
    """Where a fraction of a second ends, and its microseconds; below 0 if we do not read it."""
    if at >= end or data[at] != 46:
        return at, 0
    at += 1
    start = at
    while at < end and 48 <= data[at] <= 57:
        at += 1
    if not 1 <= at - start <= 6:
        return at, -1
    value = _digits(data, start, at - start)
    for _ in range(6 - (at - start)):
        value *= 10
    return at, value


@lent
def _zone(data: Bytes, at: int, end: int) -> int:
    """Seconds east of UTC; far below 0 if it is no zone that we read."""
    if end - at == 1 and data[at] == 90:
        return 0
    if end - at != 6 or data[at + 3] != _COLON or (data[at] != 43 and data[at] != 45):
        return -1_000_000
    hours, minutes = _digits(data, at + 1, 2), _digits(data, at + 4, 2)
    if not (0 <= hours <= 23 and 0 <= minutes <= 59):
        return -1_000_000
    east = hours * 3_600 + minutes * 60
    return -east if data[at] == 45 else east
