"""A base's digest without reading its weights again, as long as the disk says they are the same.

A base and a note of what its files were come in; the base goes out with its digest, and the note
is kept up. Gigabytes take seconds to hash, and a run that goes on has hashed them before.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec

from fine_tune.bases.base import Base
from finmodel.durable import disk_error, replacing
from finmodel.hashed_file import Hashed, looked_at
from finmodel.hashes import digest_of_hashed


def with_noted_digest(base: Base, note: Path, *, keep: bool = True) -> Base:
    """The base with its digest; each file is read whose size, times or number are not as noted.

    `keep` says whether the note is written where it was another.
    """
    before = _noted(note)
    known = {one.path: one for one in before}
    now = [looked_at(path, known.get(str(path.absolute()))) for path in base.files]
    if keep and now != before:
        with replacing(note) as aside:
            aside.write(msgspec.json.encode(now))
    names = (path.name for path in base.files)
    digest = digest_of_hashed(zip(names, (one.sha256 for one in now), strict=True))
    return dataclasses.replace(base, noted=digest)


def _noted(note: Path) -> list[Hashed]:
    """What is noted; a note that is torn, or none, says nothing."""
    try:
        return msgspec.json.decode(note.read_bytes(), type=list[Hashed])
    except (FileNotFoundError, ValueError):  # msgspec's errors are ValueErrors
        return []
    except OSError as error:
        raise disk_error(error, note) from error
