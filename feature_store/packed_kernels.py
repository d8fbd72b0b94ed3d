"""Loops over packed rows, compiled: read values into a matrix, build sections, merge sections.

Arrays of 8-byte words come in (packed_rows says what they mean) and arrays go out. Every length is
checked before it is used, so a damaged value is told by its position and never read past. The rule
which of two rows wins stands here once, in `supersedes`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store.compiling import compiled, lent
from finmodel.compiling import Numbers
from finmodel.records import Float32s, Float64s, Int64s

# As in packed_rows and records; a kernel takes plain numbers.
ROW, CREATED, STREAM, NULLS = 1, 1, 2, 4
NONE = -(2**63)
PRESENT, STALE, MISSING, FUTURE = 0, 1, 2, 3
ABSENT, FLOAT32, FLOAT64, INT32, INT64, BOOL = 0, 1, 2, 3, 4, 5
"""How a wanted feature lies in a body; ABSENT where the schema has none that would do."""
DAMAGED = -2


class Tables(NamedTuple):
    """What one plan wants, by the ids of one map's views and schemas."""

    view_at: npt.NDArray[np.int32]
    """By view id: the view's position in the plan, or -1."""
    columns: Int64s
    """(v + 1,) first column of each view in the matrix."""
    ttl_us: Float64s
    """(v,) time to live; inf where there is none."""
    first_schema: Int64s
    """(v + 1,) first row in `schemas` of each view; a section's schema number counts from it."""
    schemas: Int64s
    """(s, 4): words of null bits; words of fixed slots; float32 slot where the wanted features
    start if they are one block, else -1; first row in `sources`."""
    sources: Int64s
    """(k, 3): byte position in the body; how it lies there; feature index (its null bit)."""


class Answer(NamedTuple):
    """Arrays to be filled, n customers × v views: see records.FeatureBatch."""

    matrix: Float32s
    ages_s: Float64s
    states: npt.NDArray[np.uint8]
    offsets: Int64s


@compiled
def read(words: Int64s, sizes: Int64s, as_of_us: int, tables: Tables, answer: Answer) -> int:
    """Fill the answer for values of sizes[i] bytes, back to back; -1, or the i of a damaged one."""
    heads = np.full(answer.states.shape, -1, np.int64)
    bodies = np.empty_like(heads)
    bad = _locate(words, sizes, tables.view_at, heads)
    if bad < 0:
        bad = _open(words, tables, heads, bodies)
    if bad < 0:
        _date(words, as_of_us, tables.ttl_us, heads, answer)
        _fill(words, tables, heads, bodies, answer)
    return bad


@lent
def _locate(words: Int64s, sizes: Int64s, view_at: npt.NDArray[np.int32], heads: Int64s) -> int:
    """The word at which each wanted section starts, into heads; the i of an ill-formed value."""
    at = 0
    for i in range(len(sizes)):
        end = at + (sizes[i] >> 3)
        if sizes[i] & 7 or end > len(words):
            return i
        while at < end:
            length = (words[at] >> 48) & 0xFFFF
            if length < 2 or at + length > end:
                return i
            view = words[at] & 0xFFFF
            if view < len(view_at) and view_at[view] >= 0 and (words[at] >> 32) & 0xFF == ROW:
                heads[i, view_at[view]] = at
            at += length
    return -1


@lent
def _open(words: Int64s, tables: Tables, heads: Int64s, bodies: Int64s) -> int:
    """The word at which each section's body starts; the i of one that its schema does not fit."""
    for i in range(heads.shape[0]):
        for v in range(heads.shape[1]):
            at = heads[i, v]
            if at < 0:
                continue
            schema = tables.first_schema[v] + ((words[at] >> 16) & 0xFFFF)
            if schema >= tables.first_schema[v + 1]:
                return i
            flags = (words[at] >> 40) & 0xFF
            nulls = tables.schemas[schema, 0] if flags & NULLS else 0
            bodies[i, v] = at + 2 + (flags & CREATED) + (flags & STREAM) + nulls
            if bodies[i, v] + tables.schemas[schema, 1] > at + ((words[at] >> 48) & 0xFFFF):
                return i
    return -1


@lent
def _date(words: Int64s, as_of_us: int, ttl_us: Float64s, heads: Int64s, answer: Answer) -> None:
    """Age, state and offset of each section; one of the future is not to be filled."""
    for i in range(heads.shape[0]):
        for v in range(heads.shape[1]):
            at = heads[i, v]
            if at < 0:
                answer.ages_s[i, v], answer.states[i, v] = np.nan, MISSING
                answer.offsets[i, v] = -1
                continue
            age_us = float(as_of_us) - float(words[at + 1])
            answer.ages_s[i, v] = age_us / 1e6
            answer.states[i, v] = STALE if age_us > ttl_us[v] else PRESENT
            flags = (words[at] >> 40) & 0xFF
            answer.offsets[i, v] = words[at + 3 + (flags & CREATED)] if flags & STREAM else -1
            if words[at + 1] > as_of_us:
                answer.states[i, v], heads[i, v] = FUTURE, -1


@lent
def _fill(words: Int64s, tables: Tables, heads: Int64s, bodies: Int64s, answer: Answer) -> None:
    """The wanted features of each section into the matrix; NaN where there is none."""
    floats = words.view(np.float32)
    for i in range(heads.shape[0]):
        for v in range(heads.shape[1]):
            first, last, at = tables.columns[v], tables.columns[v + 1], heads[i, v]
            if at < 0:
                for j in range(first, last):
                    answer.matrix[i, j] = np.nan
                continue
            schema = tables.first_schema[v] + ((words[at] >> 16) & 0xFFFF)
            if tables.schemas[schema, 2] >= 0:
                start = 2 * bodies[i, v] + tables.schemas[schema, 2]
                for j in range(last - first):
                    answer.matrix[i, first + j] = floats[start + j]
            else:
                nulls = bodies[i, v] - tables.schemas[schema, 0]
                nulls = nulls if (words[at] >> 40) & NULLS else -1
                sources = tables.sources[tables.schemas[schema, 3] :]
                _gather(words, bodies[i, v], nulls, sources, answer.matrix[i, first:last])


@lent
def _gather(words: Int64s, body: int, nulls: int, sources: Int64s, out: Float32s) -> None:
    """Wanted features one by one, each by its own type; a null or an absent one is NaN."""
    for j in range(len(out)):
        position, kind, feature = sources[j]
        null = nulls >= 0 and (words[nulls + (feature >> 6)] >> (feature & 63)) & 1
        if kind == ABSENT or null:
            out[j] = np.nan
        elif kind == FLOAT32:
            out[j] = words.view(np.float32)[2 * body + (position >> 2)]
        elif kind == FLOAT64:
            out[j] = words.view(np.float64)[body + (position >> 3)]
        elif kind == INT32:
            out[j] = words.view(np.int32)[2 * body + (position >> 2)]
        elif kind == INT64:
            out[j] = words[body + (position >> 3)]
        else:
            out[j] = words.view(np.uint8)[8 * body + position]


class Built(NamedTuple):
    """Rows of one Float32 view, to be made into sections."""

    view_id: int
    schema_no: int
    flags: int
    event_us: Int64s
    created_us: Int64s
    stream: Int64s
    """Topic id and partition in one word."""
    offsets: Int64s
    values: Float32s


@lent
def build(rows: Built, out: Int64s, starts: Int64s) -> None:
    """One section a row, back to back from out[0]; starts[i] is where row i's starts."""
    floats, at = out.view(np.float32), 0
    for i in range(len(rows.event_us)):
        starts[i], flags, width = at, rows.flags, rows.values.shape[1]
        out[at + 1], body = rows.event_us[i], at + 2
        if flags & CREATED:
            out[body] = rows.created_us[i]
            body += 1
        if flags & STREAM:
            out[body], out[body + 1] = rows.stream[i], rows.offsets[i]
            body += 2
        if _mark_nulls(rows.values[i], out, body):
            flags |= NULLS
            body += (width + 63) >> 6
        end = body + ((width + 1) >> 1)
        out[end - 1] = 0  # the half word after an odd number of floats
        for j in range(width):
            floats[2 * body + j] = rows.values[i, j]
        out[at] = rows.view_id | rows.schema_no << 16 | ROW << 32 | flags << 40 | (end - at) << 48
        at = end
    starts[len(rows.event_us)] = at


@lent
def _mark_nulls(values: Float32s, out: Int64s, at: int) -> bool:
    """Write the null bits of a row at out[at:]; whether there are any."""
    any_null = False
    for first in range(0, len(values), 64):
        bits = np.int64(0)
        for j in range(first, min(first + 64, len(values))):
            if np.isnan(values[j]):
                bits |= np.int64(1) << (j - first)
        out[at + (first >> 6)] = bits
        any_null |= bits != 0
    return any_null


class Sections(NamedTuple):
    """n runs of sections, back to back: words[starts[i]:starts[i + 1]] is customer i's."""

    words: Int64s
    starts: Int64s


@lent
def supersedes(words: Int64s, new: int, others: Int64s, old: int) -> bool:
    """Whether the row at words[new] takes the place of the one at others[old].

    Tiles of a new definition take the place of those of the old one. Else an offset of the same
    topic and partition that is not higher was counted before. Else the later event wins; of equal
    events the one created later, or if either has no created time the one that came last: a
    correction.
    """
    if words[new] >> 32 & 0xFF != ROW and (words[new] ^ others[old]) & 0xFFFF0000:
        return True  # tiles of another definition, counted from the log's start
    new_flags, old_flags = words[new] >> 40, others[old] >> 40
    if new_flags & old_flags & STREAM:
        n, o = new + 2 + (new_flags & CREATED), old + 2 + (old_flags & CREATED)
        if words[n] == others[o] and words[n + 1] <= others[o + 1]:
            return False
    if words[new + 1] != others[old + 1]:
        return bool(words[new + 1] > others[old + 1])
    return bool(not (new_flags & old_flags & CREATED) or words[new + 2] >= others[old + 2])


@lent
def _length(words: Int64s, at: int, end: int) -> int:
    """Words of the section at `at`; 0 if it cannot be that long."""
    length = (words[at] >> 48) & 0xFFFF
    return length if 2 <= length <= end - at else 0


class News(NamedTuple):
    """New sections of v views for some of n customers."""

    words: Int64s
    at: Int64s
    """(v, n) where in `words` a customer's section of each view starts, -1 where it has none;
    views in the order of their ids."""


@compiled
def merge(
    old: Sections,
    new: News,
    retired: npt.NDArray[np.bool_],
    out: Sections,
    won: npt.NDArray[np.bool_],
) -> int:
    """Put new sections into their customers' values, by `supersedes`; -1, or a damaged one's i.

    won (v, n) is which were put. Sections of retired views go; those nobody here knows stay. A
    value's sections stand in the order of their views' ids, whoever wrote first.
    """
    return _merge_each(old, new, retired, (out, won), np.empty(len(new.at), np.int64))


@lent
def _merge_each(
    old: Sections, new: News, retired: npt.NDArray[np.bool_], into: Any, mine: Int64s
) -> int:
    """The loop of `merge`; `mine` (v,) is scratch."""
    (out, won), at = into, 0
    for i in range(new.at.shape[1]):
        out.starts[i] = at
        for v in range(len(mine)):
            begin = new.at[v, i]
            mine[v] = find(old, i, new.words[begin]) if begin >= 0 else -1
            if mine[v] == DAMAGED:
                return i
            won[v, i] = begin >= 0 and (
                mine[v] < 0 or supersedes(new.words, begin, old.words, mine[v])
            )
        at = _merge_one(old, i, (new.words, new.at[:, i], won[:, i], mine), retired, out.words, at)
        if at == DAMAGED:
            return i
    out.starts[new.at.shape[1]] = at
    return -1


@lent
def _merge_one(
    old: Sections, i: int, new: Any, retired: npt.NDArray[np.bool_], out: Int64s, to: int
) -> int:
    """Customer i's value with the sections that won; where it ends in out, or DAMAGED."""
    at, end, next_new = old.starts[i], old.starts[i + 1], 0
    while at < end:
        length, view = _length(old.words, at, end), old.words[at] & 0xFFFF
        if length == 0:
            return DAMAGED
        to, next_new = _insert(new, next_new, view, out, to)
        before, to = to, _replace(new, at, out, to)
        if to == before and not (view < len(retired) and retired[view]):
            to = _copied(old.words, at, out, to)
        at += length
    to, _ = _insert(new, next_new, 0x10000, out, to)
    return int(to)


@lent
def _insert(new: Any, first: int, view: int, out: Int64s, to: int) -> Numbers:
    """Copy the new sections, from the first on, that belong before a view's and replace none;
    where they end in out, and which is the next."""
    words, begins, won, mine = new
    while first < len(begins) and (begins[first] < 0 or words[begins[first]] & 0xFFFF < view):
        if won[first] and mine[first] < 0:
            to = _copied(words, begins[first], out, to)
        first += 1
    return to, first


@lent
def _replace(new: Any, at: int, out: Int64s, to: int) -> int:
    """Copy the new section that takes the place of the old one at `at`, if there is one."""
    words, begins, won, mine = new
    for v in range(len(begins)):
        if won[v] and mine[v] == at:
            return int(_copied(words, begins[v], out, to))
    return to


@lent
def _copied(words: Int64s, at: int, out: Int64s, to: int) -> int:
    """A section copied; where it ends in out."""
    length = (words[at] >> 48) & 0xFFFF
    for j in range(length):
        out[to + j] = words[at + j]
    return int(to + length)


@lent
def find(old: Sections, i: int, head: int) -> int:
    """Where customer i's section of the head's view and kind starts; -1 if none, or DAMAGED."""
    at, end = old.starts[i], old.starts[i + 1]
    while at < end:
        length = _length(old.words, at, end)
        if length == 0:
            return DAMAGED
        found = old.words[at]
        if found & 0xFFFF == head & 0xFFFF and (found ^ head) >> 32 & 0xFF == 0:
            flags = (found >> 40) & 0xFF
            return at if 2 + (flags & CREATED) + (flags & STREAM) <= length else DAMAGED
        at += length
    return -1
