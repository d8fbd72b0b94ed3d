"""Customers' values in runs: many of them back to back, as one value of the map's.

Values and the numbers of their customers come in, runs and where each value lies in them go out,
and the other way round. A run is words: before each value one word, the number of its customer and
how many words it has. Every length is checked before it is used. Knows no map.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

from feature_store.compiling import lent
from feature_store.packed_kernels import Sections
from feature_store.packed_rows import damaged
from feature_store.packed_sections import frozen
from finmodel.records import Int64s

MOST_WORDS = 32_766
"""Of a run: 64 pages less their header. One value that is longer has a run of its own."""
_SHIFT, _LENGTH = 16, 24
_WORD = Struct("<q").unpack_from


class Runs(NamedTuple):
    """New runs, one after the other."""

    words: Int64s
    starts: Int64s
    """(r + 1,) where in `words` each starts, and the last ends."""
    pointers: Int64s
    """(n,) where each value lies: see `pointer`."""


def pointer(run: npt.ArrayLike, at: npt.ArrayLike) -> Int64s:
    """Where a value lies: the number of its run, which is 1 or more, and its word in that.

    >>> pointer([1, 7], [0, 3])
    array([ 65536, 458755])
    """
    return np.asarray(run, np.int64) << _SHIFT | np.asarray(at, np.int64)


def run_of(pointers: Int64s) -> Int64s:
    """The numbers of the runs that values lie in."""
    return pointers >> _SHIFT


def word_of(pointers: Int64s) -> Int64s:
    """Their words in those."""
    return pointers & ((1 << _SHIFT) - 1)


def laid(values: Sections, numbers: Int64s, first: int) -> Runs:
    """Customers' values, at least one, in runs that are numbered from `first` on.

    >>> values = Sections(np.array([7, 8, 9]), np.array([0, 1, 3]))
    >>> laid(values, np.array([4, 2]), 1).pointers
    array([65536, 65538])
    """
    n = len(numbers)
    words = np.empty(n + values.starts[-1] - values.starts[0], np.int64)
    starts, pointers = np.empty(n + 1, np.int64), np.empty(n, np.int64)
    count = _lay(values, numbers, first, Runs(words, starts, pointers))
    return Runs(words, starts[: count + 1], pointers)


class Entries(NamedTuple):
    """The values of a run."""

    numbers: Int64s
    """(n,) whose they are."""
    at: Int64s
    """(n,) the word of each."""


def entries_of(run: Int64s, given: int) -> Entries | None:
    """What lies in a run, where so many numbers were given; None if it does not hold together."""
    found = Entries(np.empty(len(run), np.int64), np.empty(len(run), np.int64))
    n = _enter(run, given, found)
    return None if n < 1 else Entries(found.numbers[:n], found.at[:n])


def holds(run: Int64s, number: int, at: int) -> bool:
    """Whether a number's value stands at a word of a run, as far as a pointer is asked."""
    if at >= len(run):
        return False
    head = int(run[at])
    return head >> _LENGTH == number and at + 1 + (head & 0xFFFFFF) <= len(run)


def cut(run: bytes | memoryview, number: int, at: int) -> bytes:
    """The value of one customer out of the bytes of a run; Damaged as for many.

    >>> run = laid(Sections(np.array([7, 8, 9]), np.array([0, 1, 3])), np.array([4, 2]), 1).words
    >>> np.frombuffer(cut(run.tobytes(), 2, 2), "<i8")
    array([8, 9])
    """
    at *= 8
    if at + 8 <= len(run):
        head = _WORD(run, at)[0]
        end = at + 8 + 8 * (head & 0xFFFFFF)
        if head >> _LENGTH == number and end <= len(run):
            return bytes(run[at + 8 : end])
    raise _broken()


def lie_of(run: Any) -> tuple[int, int]:
    """Where the bytes of a run lie in memory, and how many whole words there are.

    LMDB lays a short one at any even address.
    """
    view = np.frombuffer(run, np.uint8)
    return int(_address(view)), len(view) >> 3


def gathered(
    lies: npt.NDArray[np.int64], which: Int64s, numbers: Int64s, pointers: Int64s
) -> Sections:
    """The values of numbered customers, each where its pointer says in the run at lies[which[i]];
    none where which is -1. Damaged where a run has another's value there, or none.

    Whoever asks sees to it that the runs lie there: (r, 2) as `lie_of` tells each.
    """
    starts = np.zeros(len(numbers) + 1, np.int64)
    if not _measure(lies, which, numbers, pointers, starts):
        raise _broken()
    np.cumsum(starts, out=starts)
    words = np.empty(starts[-1], np.int64)
    _copy(lies, which, pointers, starts, words)
    return Sections(frozen(words), starts)


def _broken() -> Exception:
    return damaged("lies in a run that does not hold together")


@lent
def _address(view: npt.NDArray[np.uint8]) -> int:
    return int(view.ctypes.data)


def _load(context: Any, address: Any) -> Any:
    """How numba is told what stands at an address, even or odd: it has no word for it."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        word = context.get_value_type(types.int64).as_pointer()
        return builder.load(builder.inttoptr(given[0], word), align=1)

    return types.int64(address), generate


_word: Any = intrinsic(_load)


@lent
def _lay(values: Sections, numbers: Int64s, first: int, out: Runs) -> int:
    """Values into runs; how many runs. A value's length has three bytes."""
    run, begin, to = 0, 0, 0
    out.starts[0] = 0
    for i in range(len(numbers)):
        size = values.starts[i + 1] - values.starts[i]
        if to > begin and to + 1 + size - begin > MOST_WORDS:
            run, begin = run + 1, to
            out.starts[run] = to
        out.pointers[i] = (first + run) << _SHIFT | (to - begin)
        out.words[to] = numbers[i] << _LENGTH | size
        for j in range(size):
            out.words[to + 1 + j] = values.words[values.starts[i] + j]
        to += 1 + size
    out.starts[run + 1] = to
    return run + 1


@lent
def _enter(run: Int64s, given: int, found: Entries) -> int:
    """The values of a run, one after the other; how many, or -1 if it does not hold together."""
    n, at = 0, 0
    while at < len(run):
        number, size = run[at] >> _LENGTH, run[at] & 0xFFFFFF
        if number < 0 or number >= given or at + 1 + size > len(run):
            return -1
        found.numbers[n], found.at[n] = number, at
        n, at = n + 1, at + 1 + size
    return n


@lent
def _measure(
    places: Int64s, which: Int64s, numbers: Int64s, pointers: Int64s, sizes: Int64s
) -> bool:
    """How long each value is, in sizes[i + 1]; False if one is not where its pointer says."""
    for i in range(len(which)):
        if which[i] >= 0:
            address, length = places[which[i], 0], places[which[i], 1]
            at = pointers[i] & ((1 << _SHIFT) - 1)
            if at >= length:
                return False
            head = _word(address + 8 * at)
            sizes[i + 1] = head & 0xFFFFFF
            if head >> _LENGTH != numbers[i] or at + 1 + sizes[i + 1] > length:
                return False
    return True


@lent
def _copy(places: Int64s, which: Int64s, pointers: Int64s, starts: Int64s, words: Int64s) -> None:
    for i in range(len(which)):
        size = starts[i + 1] - starts[i]
        if size:
            at = pointers[i] & ((1 << _SHIFT) - 1)
            begin = places[which[i], 0] + 8 * (at + 1)
            for j in range(size):
                words[starts[i] + j] = _word(begin + 8 * j)
