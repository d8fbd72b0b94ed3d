"""How the bringing of a base stands, in one small file: told by who brings it, read by a service.

Counts and sentences go in and come out; the file is replaced whole each time. Knows no network and
no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from finmodel.durable import make_file_once, replace_file
from finmodel.errors import FinmodelError, NotReady

_FETCHED: Final = "parts fetched"


class Arrival(msgspec.Struct, frozen=True):
    """How it stands."""

    base: str
    pid: int
    """Of the process that brings it."""
    state: Literal["coming", "here", "failed"] = "coming"
    what: str = _FETCHED
    done: int = 0
    total: int = 0
    said: str = ""
    """Why it failed, in a sentence."""

    @property
    def sentence(self) -> str:
        """For a page.

        >>> Arrival("small", 7, what="parts fetched", done=3, total=22).sentence
        'small is being fetched (parts fetched: 3 of 22)'
        >>> Arrival("small", 7, what="tensors unpacked", done=3, total=9).sentence
        'small is being unpacked (tensors unpacked: 3 of 9)'
        >>> Arrival("small", 7, "failed", said="no network").sentence
        'small could not be brought: no network'
        """
        if self.state == "failed":
            return f"{self.base} could not be brought: {self.said}"
        doing = "fetched" if self.what == _FETCHED else "unpacked"
        counted = f" ({self.what}: {self.done} of {self.total})" if self.total else ""
        return f"{self.base} is being {doing}{counted}"


class Telling:
    """A progress that is also written to a file; so is how it ended."""

    def __init__(self, path: Path, begun: Arrival) -> None:
        self._path, self._now = path, begun
        self._write()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Tell that `done` of `total` is done of `what`."""
        self._now = msgspec.structs.replace(self._now, what=what, done=done, total=total)
        self._write()

    def here(self) -> None:
        """Tell that it is on the shelf."""
        self._now = msgspec.structs.replace(self._now, state="here")
        self._write()

    def failed(self, error: FinmodelError) -> None:
        """Tell why it will not come."""
        self._now = msgspec.structs.replace(self._now, state="failed", said=str(error))
        self._write()

    def _write(self) -> None:
        replace_file(self._path, msgspec.json.encode(self._now), sync=False)


def expected(path: Path, begun: Arrival) -> None:
    """Say that it is on its way, unless whoever brings it has said something already."""
    make_file_once(path, msgspec.json.encode(begun))


def read_arrival(path: Path) -> Arrival | None:
    """How it stands; None where nobody brings anything. Who is gone midway has failed."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Arrival)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    if found.state == "coming" and not Path(f"/proc/{found.pid}").exists():
        return msgspec.structs.replace(found, state="failed", said="it ended before it was done")
    return found


def until_here(path: Path) -> Iterator[str]:
    """A sentence each time somebody looks, as long as it is coming; NotReady where it failed."""
    while (found := read_arrival(path)) is not None and found.state != "here":
        if found.state == "failed":
            raise NotReady(found.sentence)
        yield found.sentence
