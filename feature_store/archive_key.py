"""Who is meant in the archive of events: a pseudonym for each customer, under a key kept apart.

Customers' ids and the archive's key go in, 63-bit numbers come out; with the key they can be made
again, without it they say nothing. The key lies in the vault's folder, is made once, and is marked
in the archive, so that a lost or another one is told before anything is written under it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np

from finmodel.durable import make_file_once
from finmodel.errors import Damaged, NotReady
from finmodel.records import Int64s
from finmodel.settings import Settings

KEY = "archive.key"
KEY_BYTES = 32
MARK = "key.mark"


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder of archived events, and the key to whom they are about."""

    folder: Path
    key: bytes = field(repr=False)

    def pseudonyms(self, customers: Int64s) -> Int64s:
        """(n,) what stands for each customer; none is below 0.

        >>> archive = Archive(Path("archive"), bytes(32))
        >>> archive.pseudonyms(np.array([7, 8, 7])).tolist()
        [6704889159601177175, 5524369518576339518, 6704889159601177175]
        """
        ids, places = np.unique(customers, return_inverse=True)
        hidden = [_pseudonym(self.key, customer) for customer in ids.tolist()]
        return np.array(hidden, dtype=np.int64)[places]


def open_archive(settings: Settings) -> Archive:
    """The archive of some settings, to be read; NotReady if there is none, or its key is lost."""
    if not (settings.archive / MARK).exists():
        raise NotReady(
            "no events are archived yet",
            where=str(settings.archive),
            remedy="run `finmodel archive`",
        )
    return Archive(settings.archive, _key(settings))


def make_archive(settings: Settings) -> Archive:
    """The same, to be written to; its folder and its key are made where there are none."""
    place = _place(settings)
    if not (settings.archive / MARK).exists():
        for folder in (place.parent, settings.archive):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_file_once(place, secrets.token_bytes(KEY_BYTES))
        make_file_once(settings.archive / MARK, _mark_of(place.read_bytes()))
    return open_archive(settings)


def _key(settings: Settings) -> bytes:
    place, remedy = _place(settings), "restore it from a copy, or archive into a new folder"
    if not place.exists():
        raise NotReady("the archive's key is lost", where=str(place), remedy=remedy)
    key = place.read_bytes()
    if len(key) != KEY_BYTES or _mark_of(key) != (settings.archive / MARK).read_bytes():
        raise Damaged("it is not the key of this archive", where=str(place), remedy=remedy)
    return key


def _place(settings: Settings) -> Path:
    return settings.vault.with_name(KEY)


def _mark_of(key: bytes) -> bytes:
    """What tells a key from another, and nothing else of it."""
    return blake2b(digest_size=8, key=key, person=b"archive mark").hexdigest().encode()


def _pseudonym(key: bytes, customer: int) -> int:
    word = blake2b(str(customer).encode(), digest_size=8, key=key, person=b"customer").digest()
    return int.from_bytes(word, "little") >> 1
