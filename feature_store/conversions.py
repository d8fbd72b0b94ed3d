"""A lender's values as ours: whole numbers, texts, amounts in 元 as 分, times with a zone.

A value as JSON or Avro gives it comes in (a JSON number with a point as a Decimal, never a float);
ours goes out, exact, or `Unfit` says why not. An amount is never rounded and a local time that
happened twice or not at all is never guessed. Knows no topic and no field.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from feature_store.rejections import Reason, Unfit

Conversion: TypeAlias = Callable[[Any], Any]

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LARGEST_EXPONENT = 20
_LONGEST = 40
_START = datetime(1970, 1, 1, tzinfo=UTC)


def whole_number(value: Any) -> int:
    """A whole number, or a text of digits; `007` is 7."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    wrong = isinstance(value, bool) or not isinstance(value, (str, float, Decimal))
    raise Unfit(Reason.WRONG_TYPE if wrong else Reason.NO_WHOLE_NUMBER)


def text(value: Any) -> str:
    """A text, or a whole number, a UUID or a time as one."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, (int, UUID)):
        raise Unfit(Reason.WRONG_TYPE)
    return str(value)


def word(value: Any) -> str:
    """What a map of values looks up: a text, or a whole number or a switch as YAML writes them."""
    return str(value).lower() if isinstance(value, bool) else text(value)


def joined(values: list[Any]) -> str:
    r"""Texts with a colon between; a colon inside one is marked, so that no two lists are one text.

    >>> joined(["LN", 17]), joined(["a:b", "c"]) == joined(["a", "b:c"])
    ('LN:17', False)
    """
    return ":".join(text(value).replace("\\", "\\\\").replace(":", "\\:") for value in values)


def hundredths(value: Any) -> int:
    """元 as 分, and per cent as basis points: a number or its text, times 100.

    >>> hundredths("12.5"), hundredths(Decimal("0.0700")), hundredths(3)
    (1250, 7, 300)
    >>> hundredths("12.345")
    Traceback (most recent call last):
    feature_store.rejections.Unfit: too_precise
    """
    return _shifted(_number(value), 2)


def packed_hundredths(scale: int) -> Conversion:
    """The same from a number's bytes in base64, as Debezium's `precise` writes a DECIMAL.

    >>> packed_hundredths(2)("BNI=")
    1234
    """

    def convert(value: Any) -> int:
        if not isinstance(value, str):
            raise Unfit(Reason.WRONG_TYPE)
        try:
            unscaled = b64decode(value, validate=True)
        except ValueError:
            raise Unfit(Reason.NO_NUMBER) from None
        if not 0 < len(unscaled) <= 16:
            raise Unfit(Reason.NO_NUMBER)
        number = int.from_bytes(unscaled, "big", signed=True)
        return _shifted(number, 2 - scale)

    return convert


def zoned_time(value: Any) -> datetime:
    """A time that says its zone: ISO 8601, or Avro's timestamps."""
    time = _time(value)
    if time.tzinfo is None:
        raise Unfit(Reason.NO_ZONE)
    return _utc(time)


def local_time(zone: ZoneInfo) -> Conversion:
    """A time of a clock on a wall of that zone; one that says another zone is taken at its word.

    >>> local_time(ZoneInfo("Asia/Shanghai"))("2024-05-01 08:00:00").isoformat()
    '2024-05-01T00:00:00+00:00'
    """

    def convert(value: Any) -> datetime:
        time = _time(value)
        return _utc(time) if time.tzinfo is not None else _in_zone(time, zone)

    return convert


def local_date(zone: ZoneInfo) -> Conversion:
    """The start of a day in that zone: `yyyy-MM-dd`, Avro's date, or days since 1970."""

    def convert(value: Any) -> datetime:
        day = _day(value)
        return _in_zone(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001

    return convert


def epoch(digits: int, zone: ZoneInfo | None = None) -> Conversion:
    """A count since 1970 of seconds (digits 0), milliseconds (3) or microseconds (6).

    With a zone it counts what the clock on the wall showed, as Debezium does for columns without
    a zone. What is finer than a microsecond is cut off.

    >>> epoch(3)(1_700_000_000_123).isoformat()
    '2023-11-14T22:13:20.123000+00:00'
    """

    def convert(value: Any) -> datetime:
        micros = _shifted(_number(value), 6 - digits, cut=True)
        try:
            time = _START + timedelta(microseconds=micros)
        except OverflowError:
            raise Unfit(Reason.OUT_OF_RANGE) from None
        return time if zone is None else _in_zone(time.replace(tzinfo=None), zone)

    return convert


def record_time(timestamp_ms: int | None) -> datetime:
    """The end of a record's own millisecond: what is known then may have happened within it."""
    if timestamp_ms is None or timestamp_ms < 0:
        raise Unfit(Reason.NO_RECORD_TIME)
    time: datetime = epoch(6)(timestamp_ms * 1000 + 999)
    return time


def _number(value: Any) -> int | Decimal:
    if isinstance(value, bool):
        raise Unfit(Reason.WRONG_TYPE)
    if isinstance(value, (int, Decimal)):
        return value
    if isinstance(value, float):  # Avro's double: its shortest text is what was written
        return Decimal(repr(value))
    if not isinstance(value, str):
        raise Unfit(Reason.WRONG_TYPE)
    if not _NUMBER.fullmatch(value):
        raise Unfit(Reason.NO_NUMBER)
    return Decimal(value)


def _shifted(number: int | Decimal, places: int, *, cut: bool = False) -> int:
    """A number times 10 ** places; Unfit, unless it may be cut, where that is not whole.

    Whole numbers do the work: Decimal's own arithmetic rounds beyond its context.
    """
    coefficient, exponent = (number, 0) if isinstance(number, int) else _parts(number)
    power = exponent + places
    if power >= 0:
        return int(coefficient * 10**power)
    whole, rest = divmod(coefficient, int(10**-power))
    if rest and not cut:
        raise Unfit(Reason.TOO_PRECISE)
    return whole


def _parts(number: Decimal) -> tuple[int, int]:
    """A number as a whole one and a power of ten, where neither is beyond all measure."""
    if not number.is_finite():
        raise Unfit(Reason.NO_NUMBER)
    if not number:
        return 0, 0
    if number.adjusted() > _LARGEST_EXPONENT:
        raise Unfit(Reason.OUT_OF_RANGE)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # a finite one
    if len(digits) > _LONGEST or exponent < -_LONGEST:
        raise Unfit(Reason.TOO_PRECISE)
    coefficient = int("".join(map(str, digits)))
    return -coefficient if sign else coefficient, exponent


def _time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise Unfit(Reason.WRONG_TYPE)
    if not _TIME.fullmatch(value):
        raise Unfit(Reason.NO_TIME)
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise Unfit(Reason.NO_TIME) from None


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return date(1970, 1, 1) + timedelta(days=value)
    except (ValueError, OverflowError):
        raise Unfit(Reason.NO_TIME) from None
    raise Unfit(Reason.NO_TIME if isinstance(value, str) else Reason.WRONG_TYPE)


def _in_zone(wall: datetime, zone: ZoneInfo) -> datetime:
    """When a clock on the wall showed this; Unfit if it never did, or did so twice."""
    first, second = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
    early = _utc(first)
    if first.utcoffset() != second.utcoffset():
        shown = early.astimezone(zone).replace(tzinfo=None) == wall
        raise Unfit(Reason.HOUR_REPEATED if shown else Reason.HOUR_SKIPPED)
    return early


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise Unfit(Reason.OUT_OF_RANGE) from None
