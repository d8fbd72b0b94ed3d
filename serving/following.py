"""One signed file that says what is in service: followed, taken in at once, refused loudly.

A path and a way of taking in what it names come in; the value in service goes out. What does not
hold is refused, what was taken in before stays, and an older number never comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from finmodel.errors import Damaged, FinmodelError

RETRY_SECONDS = 5.0
"""What was refused is tried again so often, should the fault have passed by itself."""

_NO_FILE = (0, 0, 0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file's content was not taken in."""

    what: str
    why: str
    first: bool
    """Not told before."""


class Followed(Generic[T]):
    """The value that a file names; `take` reads it, with the number of the move that named it."""

    def __init__(
        self,
        name: str,
        path: Path,
        take: Callable[[], tuple[int, T] | None],
        *,
        without_file: bool = False,
        version: Callable[[T], int] | None = None,
    ) -> None:
        """With `without_file`, the first look asks `take` also where there is no file.

        With `version`, a move of one number names one version: another is refused.
        """
        self.name = name
        self._path, self._take, self._without_file = path, take, without_file
        self._version = version
        self._seen: tuple[int, int, int] | None = None
        self._sequence, self._again = -1, 0.0
        self.value: T | None = None
        self.trouble = ""
        """Why the file's content is not the value in service; empty while all is well."""

    @property
    def sequence(self) -> int:
        """The number of the move that the value came with; -1 before the first."""
        return self._sequence

    def exists(self) -> bool:
        """Whether there is anything to follow yet."""
        return self._path.exists()

    def look(self) -> Refusal | bool:
        """Take in what the file names now; whether the value changed, or why it was refused."""
        seen = self._stamp()
        if seen is None:
            return False
        if seen == self._seen and not (self.trouble and time.monotonic() >= self._again):
            return False
        first, self._seen = seen != self._seen, seen
        try:
            found = self._take()
            if found is None:
                self.trouble = ""
                return False
            sequence, value = found
            self._require_newer(sequence, value)
        except FinmodelError as error:
            return self._refused(error.what, str(error), first)
        except OSError as error:
            what = f"it cannot be read ({error.strerror})"
            return self._refused(what, what, first)
        self.value, self._sequence, self.trouble = value, sequence, ""
        return True

    def _stamp(self) -> tuple[int, int, int] | None:
        """By what a changed file is told; None where there is nothing to take in."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            # What was taken in stays in service: only who never had it asks without a file.
            return _NO_FILE if self._without_file and self.value is None else None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _require_newer(self, sequence: int, value: T) -> None:
        if sequence == self._sequence and self._names_another(value):
            raise Damaged(
                f"another version came under the same number ({sequence})",
                where=self.name,
                remedy="find out who replaced the file; then promote or roll back again",
            )
        if sequence < self._sequence:
            raise Damaged(
                f"an older pointer came back (number {sequence} after {self._sequence})",
                where=self.name,
                remedy="find out who replaced the file; then promote or roll back again",
            )

    def _names_another(self, value: T) -> bool:
        version, before = self._version, self.value
        return version is not None and before is not None and version(value) != version(before)

    def _refused(self, what: str, why: str, first: bool) -> Refusal:
        self.trouble, self._again = what, time.monotonic() + RETRY_SECONDS
        return Refusal(what, why, first)
