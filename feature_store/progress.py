"""How long work tells how far it has come: to a callback, in steps out of a known number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""


def teller(what: str, total: int, progress: Progress | None) -> Callable[[], None]:
    """A function to call after each of `total` steps.

    >>> tell = teller("views", 2, lambda what, done, total: print(what, done, "of", total))
    >>> tell()
    views 1 of 2
    """
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(what, done, total)

    return tell
