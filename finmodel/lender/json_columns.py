"""Columns to JSON lines, without a Python object for a field: the bytes `events.encode` would give.

In go a topic's columns (int64, `S` words of plain ASCII, datetime64[s] in UTC), out come lines. All
values of a block are laid into one matrix of bytes, short ones padded with NUL, and the padding is
left out in one stroke. It takes no negative number and knows nothing of what the fields mean.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.errors import BadInput
from finmodel.events import TOPICS, TYPES
from finmodel.records import Int64s

Columns: TypeAlias = dict[str, npt.NDArray[np.generic]]
Bytes: TypeAlias = npt.NDArray[np.uint8]

ZONE_HOURS: Final = 8
"""Times are written as of +08:00, which has no summer time."""
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    topic: kind.__struct_fields__ for topic, kind in zip(TOPICS, TYPES, strict=True)
}
_BLOCK = 4_096  # a block's matrix stays in the cache
_DAY = 86_400


def _digits(numbers: range, width: int) -> Bytes:
    text = "".join(f"{number:0{width}}" for number in numbers)
    return np.frombuffer(text.encode(), np.uint8).reshape(-1, width)


_FOURS = _digits(range(10_000), 4)
_CLOCK = np.frombuffer(
    "".join(f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(_DAY)).encode(),
    np.uint8,
).reshape(_DAY, 9)
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8)


def render(topic: str, columns: Columns) -> bytes:
    """Rows as JSON lines, in their order.

    >>> login = {"event_id": np.array([b"a"]), "customer_id": np.array([70]),
    ...     "occurred_at": np.array(["2024-01-01T16:00"], "M8[s]"),
    ...     "known_at": np.array(["2024-01-01T16:00:02"], "M8[s]"),
    ...     "channel": np.array([b"app"]), "status": np.array([b"success"])}
    >>> render("app.login.v1", login)[:99].decode()
    '{"topic":"app.login.v1","event_id":"a","customer_id":70,"occurred_at":"2024-01-02T00:00:00+08:00","'
    """
    rows = len(columns["customer_id"])
    return b"".join(
        _block(topic, {name: column[first : first + _BLOCK] for name, column in columns.items()})
        for first in range(0, rows, _BLOCK)
    )


def hex_words(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.bytes_]:
    """64-bit words as sixteen characters.

    >>> hex_words(np.array([255], np.uint64)).tolist()
    [b'00000000000000ff']
    """
    octets = words.astype(">u8").view(np.uint8).astype(np.intp)
    pairs = _HEX.reshape(256, 2).view(np.uint16).ravel()[octets]
    return pairs.view("S16")


def _block(topic: str, columns: Columns) -> bytes:
    rows = len(columns["customer_id"])
    pieces: list[bytes | Bytes] = []
    text = f'{{"topic":"{topic}"'
    for name in FIELDS[topic]:
        before, value, after = _value(columns[name])
        pieces += [f'{text},"{name}":{before}'.encode(), value]
        text = after
    pieces.append(f"{text}}}\n".encode())
    widths = [len(p) if isinstance(p, bytes) else p.shape[1] for p in pieces]
    page = np.empty((rows, sum(widths)), np.uint8)
    place = 0
    for piece, width in zip(pieces, widths, strict=True):
        filling = np.frombuffer(piece, np.uint8) if isinstance(piece, bytes) else piece
        page[:, place : place + width] = filling
        place += width
    flat = page.ravel()
    return bytes(flat[flat != 0])


def _value(column: npt.NDArray[np.generic]) -> tuple[str, Bytes, str]:
    """What stands before a value, the value padded with NUL, and what stands behind it."""
    if column.dtype.kind == "S":
        words = np.ascontiguousarray(column)
        return '"', words.view(np.uint8).reshape(len(words), -1), '"'
    if column.dtype.kind == "M":
        return '"', _times(column.astype("M8[s]").astype(np.int64)), f'+0{ZONE_HOURS}:00"'
    return "", _numbers(column.astype(np.int64)), ""


def _times(seconds: Int64s) -> Bytes:
    day, second = np.divmod(seconds + ZONE_HOURS * 3600, _DAY)
    first = int(day.min())
    days = np.datetime_as_string(np.arange(first, int(day.max()) + 1).astype("M8[D]"))
    dates = days.astype("S10").view(np.uint8).reshape(-1, 10)
    return np.concatenate([dates[day - first], _CLOCK[second]], axis=1)


def _numbers(numbers: Int64s) -> Bytes:
    """Decimal digits, flush right, NUL for leading noughts."""
    if numbers.min() < 0:
        raise BadInput("a negative number", where="columns", remedy="use events.encode_lines")
    width = len(str(int(numbers.max())))
    groups = -(-width // 4)
    digits = np.empty((len(numbers), groups * 4), np.uint8)
    rest = numbers
    for group in range(groups - 1, -1, -1):
        rest, four = np.divmod(rest, 10_000)
        digits[:, group * 4 : group * 4 + 4] = _FOURS[four]
    kept = digits[:, groups * 4 - width :]
    powers = 10 ** np.arange(1, width, dtype=np.int64)
    length = np.searchsorted(powers, numbers, side="right") + 1
    kept[np.arange(width) < (width - length)[:, None]] = 0
    return kept
