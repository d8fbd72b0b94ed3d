"""Runs of sections, many customers at once: gathered for one merge, taken apart, compared.

Arrays in, arrays out; what a section means stands in `packed_rows.py` and `tile_sections.py`.
Knows no map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from feature_store.compiling import lent
from feature_store.packed_kernels import News, Sections
from finmodel.records import Int64s

NewSections = tuple[Int64s, Sections]
"""Customers, by their places among the values that are to change, and a new section of each."""


def news_of(parts: Sequence[NewSections], n: int) -> News:
    """Parts of one view each as what `merge` takes, for n customers; parts of the same view must
    be about different ones."""
    views = [int(new.words[0] & 0xFFFF) if len(new.words) else -1 for _, new in parts]
    rows = {view: row for row, view in enumerate(sorted(set(views) - {-1}))}
    at = np.full((len(rows), n), -1, np.int64)
    shift = 0
    for view, (places, new) in zip(views, parts, strict=True):
        if view >= 0:
            at[rows[view], places] = new.starts[:-1] + shift
            shift += len(new.words)
    words = [new.words for _, new in parts]
    return News(np.concatenate([np.empty(0, np.int64), *words]), at)


def frozen(words: Int64s) -> Int64s:
    """The same words, read-only: kernels are compiled once for bytes as LMDB gives them."""
    words.flags.writeable = False
    return words


def taken(values: Sections, places: Int64s) -> Sections:
    """Some of the values, in the order of their places."""
    starts = np.zeros(len(places) + 1, np.int64)
    np.cumsum(np.diff(values.starts)[places], out=starts[1:])
    words = np.empty(starts[-1], np.int64)
    _copy(values, places, words, starts)
    return Sections(frozen(words), starts)


def differing(old: Sections, new: Sections) -> npt.NDArray[np.bool_]:
    """(n,) whether each value is another than before."""
    found = np.empty(len(old.starts) - 1, np.bool_)
    _compare(old, new, found)
    return found


@lent
def _copy(values: Sections, places: Int64s, words: Int64s, starts: Int64s) -> None:
    for i in range(len(places)):
        begin = values.starts[places[i]]
        for j in range(starts[i + 1] - starts[i]):
            words[starts[i] + j] = values.words[begin + j]


@lent
def _compare(old: Sections, new: Sections, found: npt.NDArray[np.bool_]) -> None:
    for i in range(len(found)):
        a, b, n = old.starts[i], new.starts[i], new.starts[i + 1] - new.starts[i]
        found[i] = old.starts[i + 1] - a != n
        for j in range(n):
            if found[i]:
                break
            found[i] = old.words[a + j] != new.words[b + j]
