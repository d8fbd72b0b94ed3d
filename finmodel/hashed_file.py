"""A large file whose hash is kept, so that a change of its bytes is noticed wherever it is used.

A path comes in, its hash goes out with what the disk says of it: size, times, number. As long as
the disk says the same the file is not read again; where it says otherwise its bytes decide.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from finmodel.durable import disk_error
from finmodel.errors import Damaged, NotFound
from finmodel.hashes import sha256_of


class Hashed(msgspec.Struct, frozen=True):
    """A file as it was."""

    path: str
    sha256: str
    mark: tuple[int, ...] = ()
    """Size, time of its bytes, time of anything else, device and number; () where nobody looked."""


def hashed(path: Path, sha256: str = "") -> Hashed:
    """A file as it is now; it is not read where its hash is known already."""
    mark = _mark(path)  # first: what is written while we read shows in the next mark
    return Hashed(str(path.absolute()), sha256 or sha256_of(path), mark)


def looked_at(path: Path, known: Hashed | None) -> Hashed:
    """A file as it is now; it is not read where the disk says of it what it said when it was."""
    if known is not None and known.mark and known.mark == _mark(path):
        return known
    return hashed(path)


def still(known: Hashed) -> Hashed:
    """The same file, with a new mark where only that changed.

    Damaged where its bytes are others or nobody knows what they were, NotFound where it is gone.
    """
    path = Path(known.path)
    if not known.sha256:
        raise Damaged(
            "its hash was not noted when it was brought",
            where=known.path,
            remedy="bring it again: finmodel base get, or finmodel base add",
        )
    if known.mark and _mark(path) == known.mark:
        return known
    now = hashed(path)
    if now.sha256 != known.sha256:
        raise Damaged(
            f"its bytes are not those of when it was brought (hash {now.sha256[:12]}…, not "
            f"{known.sha256[:12]}…)",
            where=known.path,
            remedy="put the file back, or add it again",
        )
    return now


def _mark(path: Path) -> tuple[int, ...]:
    try:
        told = os.stat(path)
    except FileNotFoundError as error:
        raise NotFound(
            "no such file", where=str(path), remedy="put it back, or add it again"
        ) from error
    except OSError as error:
        raise disk_error(error, path) from error
    return told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_dev, told.st_ino
