"""New rows against customers' values: which of a customer's rows is put, and what value comes out.

Rows or columns of one call come in, each customer's newest goes on; values and new sections come
in, merged values go out, by the rule in packed_kernels. Knows no map: every writer merges here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_store import packed_kernels as kernels
from feature_store.packed_catalog import Catalog, retired_ids
from feature_store.packed_columns import ViewColumns, built, checked
from feature_store.packed_keys import Place, checked_ids, key_order, keys_of, place_of
from feature_store.packed_rows import Row, RowLayout, damaged, encode
from feature_store.packed_sections import NewSections, frozen, news_of
from finmodel.records import Int64s


class Written(NamedTuple):
    """What became of the rows of one call."""

    stored: int
    late: int
    """Not stored, because a newer row (or the same event) was there."""


class Chosen(NamedTuple):
    """The rows of some views that are put: one of each id and view, in the map's order."""

    join_key: str
    place: Place
    ids: npt.NDArray[Any]
    views: list[ViewColumns]
    rows: list[npt.NDArray[np.intp]]
    """For each view, positions in `ids` and in its columns."""


def chosen(
    join_key: str, ids: Sequence[Any] | npt.NDArray[Any], columns: Sequence[ViewColumns]
) -> Chosen:
    """Of each id the row that supersedes its others; BadInput if the arrays do not fit together."""
    key_type = _key_type(ids)
    found = checked_ids(ids, key_type)
    views = [checked(view, len(found)) for view in columns]
    order = key_order(found, keys_of(join_key, found))
    group = _groups(found[order])
    rows = [order[_last_of_each(group, order, view)] for view in views]
    return Chosen(join_key, place_of(join_key, key_type), found, views, rows)


def in_chunks(
    some: Chosen, heads: Sequence[tuple[int, int]], size: int
) -> Iterator[tuple[list[bytes], list[NewSections]]]:
    """Keys of so many customers at a time, and their sections of each view."""
    for start in range(0, len(some.rows[0]) if some.rows else 0, size):
        rows = [each[start : start + size] for each in some.rows]
        each = np.arange(len(rows[0]))
        new = [(each, built(*of)) for of in zip(some.views, heads, rows, strict=True)]
        yield keys_of(some.join_key, some.ids[rows[0]]), new


def newest(
    head: tuple[int, int], layout: RowLayout, keys: Sequence[bytes], rows: Sequence[Row]
) -> dict[bytes, bytes]:
    """The section of each key's row that supersedes its others."""
    found: dict[bytes, bytes] = {}
    for key, row in zip(keys, rows, strict=True):
        data = encode(*head, layout, row)
        if key not in found or _supersedes(data, found[key]):
            found[key] = data
    return found


def merged(
    old: kernels.Sections, new: Sequence[NewSections], catalog: Catalog
) -> tuple[kernels.Sections, npt.NDArray[np.bool_]]:
    """Values with new sections in them, and which of those were put, by view and customer.

    Damaged where a value does not hold together.
    """
    n = len(old.starts) - 1
    news = news_of(new, n)
    won = np.zeros((len(news.at), n), np.bool_)
    retired = np.array(retired_ids(catalog), dtype=np.bool_)
    out = np.empty(len(old.words) + len(news.words), np.int64), np.empty(n + 1, np.int64)
    if kernels.merge(old, news, retired, kernels.Sections(*out), won) >= 0:
        raise damaged("does not hold together")
    words, starts = out
    return kernels.Sections(frozen(words[: starts[-1]]), starts), won


def each_value(values: kernels.Sections) -> Iterator[memoryview]:
    """The bytes of each value; lazily, since a list of so many would set off the garbage collector
    again and again."""
    at, data = (values.starts * 8).tolist(), values.words.view(np.uint8).data
    return map(data.__getitem__, map(slice, at, at[1:]))


def _supersedes(new: bytes, old: bytes) -> bool:
    words = np.frombuffer(new, "<i8"), np.frombuffer(old, "<i8")
    return bool(kernels.supersedes(words[0], 0, words[1], 0))


def _key_type(ids: Sequence[Any] | npt.NDArray[Any]) -> str:
    if isinstance(ids, np.ndarray):
        return "string" if ids.dtype.kind in "OU" else "int64"
    return "string" if any(isinstance(value, str) for value in ids) else "int64"


def _groups(ids: npt.NDArray[Any]) -> Int64s:
    """The number of each of ordered ids, counting equal ones once."""
    new = np.ones(len(ids), dtype=np.int64)
    new[1:] = ids[1:] != ids[:-1]
    return np.cumsum(new)


def _last_of_each(group: Int64s, order: npt.NDArray[np.intp], view: ViewColumns) -> Int64s:
    """Of each group's rows, the position of the one that supersedes the others."""
    if not len(group) or group[-1] == len(group):
        return np.arange(len(group))
    created = np.zeros(len(order)) if view.created_us is None else view.created_us[order]
    best = np.lexsort((np.arange(len(order)), created, view.event_us[order], group))
    ends: Int64s = best[np.flatnonzero(np.append(np.diff(group[best]), 1))]
    return ends
