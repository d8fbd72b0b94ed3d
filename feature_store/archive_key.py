"""Who is meant in the archive of events: a pseudonym for each customer, under a key kept apart.

Customers' ids and the archive's key go in, 64-bit numbers come out; with the key the ids are found
again, without it the numbers say nothing. The key lies in the vault's folder, is made once, and is
marked in the archive, so that a lost or another one is told before anything is written under it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from feature_store.pseudonyms import KEY_BYTES, hidden, shown
from finmodel.durable import make_file_once
from finmodel.errors import Damaged, NotReady
from finmodel.records import Int64s
from finmodel.settings import Settings

KEY = "archive.key"
MARK = "key.mark"


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder of archived events, and the key to whom they are about."""

    folder: Path
    key: bytes = field(repr=False)

    def pseudonyms(self, customers: Int64s) -> Int64s:
        """(n,) what stands for each customer."""
        return hidden(self.key, customers)

    def customers(self, pseudonyms: Int64s) -> Int64s:
        """(n,) who stands behind each pseudonym."""
        return shown(self.key, pseudonyms)


def open_archive(settings: Settings) -> Archive:
    """The archive of some settings, to be read; NotReady if there is none, or its key is lost."""
    if not (settings.archive / MARK).exists():
        raise NotReady(
            "no events are archived yet",
            where=str(settings.archive),
            remedy="run `finmodel archive`",
        )
    return Archive(settings.archive, _key(settings))


def found_archive(settings: Settings) -> Archive | None:
    """The same; None where nothing was ever archived."""
    return open_archive(settings) if (settings.archive / MARK).exists() else None


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
    return blake2b(digest_size=8, key=key, person=b"archive mark 2").hexdigest().encode()
