"""How long work tells how far it has come: to a callback, in steps out of a known number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress for whoever wants none."""


class Tell(Protocol):
    """Told after a step, or after some."""

    def __call__(self, more: int = 1) -> None: ...


def teller(what: str, total: int, progress: Progress | None) -> Tell:
    """A function to call after each of `total` steps.

    >>> tell = teller("views", 9, lambda what, done, total: print(what, done, "of", total))
    >>> tell(), tell(3)
    views 1 of 9
    views 4 of 9
    (None, None)
    """
    done = 0

    def tell(more: int = 1) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(what, done, total)

    return tell
