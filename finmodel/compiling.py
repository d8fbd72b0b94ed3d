"""How loops over rows, tiles, trees and bytes are compiled: `compiled`, or `lent` their arrays.

numba counts who holds an array, by an atomic addition for each one that a function is given, cuts
or puts into a tuple, and another when it is done. For what is called once an event or a byte that
was most of the work: tiles advance four times as fast without it. (Trees gain nothing: each call
there does enough.) Whatever is `lent` its arrays counts nothing. It makes no array, which numba
sees to, and gives none back, which would free what its caller holds: so it must say that it gives
numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, cast
from zlib import crc32

import numba

Numbers: TypeAlias = Any
"""Several numbers or vectors of them at once, and no array."""

_NUMBERS = {"None", "bool", "float", "int", "np.uint64", "Numbers"}
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Compiler(Protocol):
    """A decorator that compiles a function on its first call."""

    def __call__(self, function: _Function, /) -> _Function:
        """The same function, compiled."""


class Compilers(NamedTuple):
    """Of functions of some modules that may stand in each other's code."""

    compiled: Compiler
    lent: Compiler
    """TypeError for a function that doesn't say that it gives numbers, or nothing."""


def compilers(folder: Path, modules: Sequence[str], **options: Any) -> Compilers:
    """Compilers whose code is kept on the disk for the next process.

    numba keeps code by the name of a function and the age of its own file, though it inlines what
    other files define; so the names here hold a digest of all of them, and old code is not found.
    """
    files = [Path(__file__), *(folder / f"{name}.py" for name in modules)]
    digest = crc32(b"".join(file.read_bytes() for file in files))

    def kept(function: _Function, *, counts: bool) -> _Function:
        function.__qualname__ = f"{function.__qualname__}_{digest:08x}"
        # Said both ways: a callee that doesn't say takes after whoever calls it first.
        how: Any = {"nogil": True, "cache": True, "_nrt": counts} | options
        return cast(_Function, numba.njit(**how)(function))

    def compiled(function: _Function) -> _Function:
        return kept(function, counts=True)

    def lent(function: _Function) -> _Function:
        gives = function.__annotations__.get("return")
        if gives not in _NUMBERS:
            raise TypeError(f"{function.__qualname__} is lent its arrays and gives back {gives}")
        return kept(function, counts=False)

    return Compilers(compiled, lent)
