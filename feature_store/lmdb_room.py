"""Where a place's values lie in an LMDB map: numbers of keys, pointers by number, runs of values.

What lmdb_values finds and puts, and lmdb_rewriting writes anew, is read and written here, in the
caller's transaction. Bytes come out of LMDB as views that end with it, and are checked.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from feature_store.packed_keys import Place, integer_keys
from feature_store.packed_rows import damaged
from feature_store.run_kernels import Runs
from finmodel.errors import NotReady
from finmodel.records import Int64s

CHUNK = 510
"""Pointers side by side: a page less its header."""
_NO_CHUNK = bytes(8 * CHUNK)
_NO_NUMBER = bytes(8 * [0xFF])
_ACCOUNT = (2**64 - 1).to_bytes(8, "little")
"""Under what the pointers' database keeps its `Account`; no chunk has that number."""


class Room(NamedTuple):
    """The databases of a place in a transaction; None where nothing was ever written."""

    pointers: Any
    """By number, 510 at a time, where the value lies."""
    runs: Any
    """By their number, oldest first."""
    numbers: Any
    """By key, its number. Made last: where there is this, there are the others."""


def names_of(place: Place) -> dict[bytes, bool]:
    """The databases of a place, as `LmdbMap` takes them and `Room` has them."""
    return {place.name + b" at": True, place.name + b" runs": True, place.name: place.integer}


def rooms_of(handles: Sequence[Any]) -> list[Room]:
    """The rooms of several places, of whose databases these are the handles."""
    return [Room(*handles[at : at + 3]) for at in range(0, len(handles), 3)]


class Account(NamedTuple):
    """How much of everything a place has."""

    numbers: int
    """That were given."""
    runs: int
    """That were put; the first is number 1."""
    values: int
    """That lie in runs, old copies among them."""
    standing: int
    """Another whenever a key's number may be another's: see `KnownRoom`."""

    def again(self) -> Account:
        """The same, of other numbers."""
        return self._replace(standing=_another())


def account_of(txn: Any, room: Room) -> Account | None:
    """A place's account; None if there is none, or an earlier version wrote the place."""
    found = None if room.pointers is None else txn.get(_ACCOUNT, None, room.pointers)
    if found is None:
        return None
    if len(found) != 8 * len(Account._fields):
        raise damaged("lies in a place whose account is not whole")
    return Account(*np.frombuffer(found, "<i8").tolist())


def new_account() -> Account:
    """Of a place where nothing was put."""
    return Account(0, 0, 0, _another())


def note(txn: Any, room: Room, account: Account) -> None:
    """Write a place's account."""
    txn.put(_ACCOUNT, np.array(account, "<i8").tobytes(), db=room.pointers)


def is_older(txn: Any, room: Room) -> bool:
    """Whether an earlier version wrote the place, one value a key."""
    if account_of(txn, room) is not None or (room.runs and txn.stat(room.runs)["entries"]):
        return False
    return bool(txn.stat(room.numbers)["entries"])


def numbers_of(txn: Any, room: Room, keys: Sequence[bytes]) -> Int64s:
    """(n,) each key's number, -1 if it has none.

    NotReady if an earlier version wrote the place.
    """
    if room.numbers is None:
        return np.full(len(keys), -1, np.int64)
    # As bytes at once: views of so many would set off the garbage collector again and again.
    found = b"".join(map(bytes, map(txn.get, keys, repeat(_NO_NUMBER), repeat(room.numbers))))
    if is_older(txn, room):
        raise NotReady(
            "the map is written as an earlier version did",
            where="map of online features",
            remedy="run `finmodel features apply`, which rewrites it once",
        )
    if len(found) != 8 * len(keys):
        raise damaged("has a number that is not whole")
    return np.frombuffer(found, "<i8")


class Chunks(NamedTuple):
    """Pointers of some numbers, to be changed in memory."""

    ids: Int64s
    words: Int64s
    at: Int64s
    """(n,) where in `words` each number's pointer is."""


def chunks_of(txn: Any, room: Room, numbers: Int64s) -> Chunks:
    """The pointers of numbers, and of whoever stands beside them."""
    chunk, place = np.divmod(numbers, CHUNK)
    ids, which = np.unique(chunk, return_inverse=True)
    gets = map(txn.get, integer_keys(ids), repeat(_NO_CHUNK), repeat(room.pointers))
    found = bytearray().join(gets)
    if len(found) != len(ids) * len(_NO_CHUNK):
        raise damaged("has a pointer that is not whole")
    return Chunks(ids, np.frombuffer(found, "<i8"), which * CHUNK + place)


def put_chunks(txn: Any, room: Room, chunks: Chunks) -> None:
    """Write pointers back."""
    data, size = chunks.words.view(np.uint8).data, len(_NO_CHUNK)
    values = (data[at : at + size] for at in range(0, len(data), size))
    txn.cursor(room.pointers).putmulti(zip(integer_keys(chunks.ids), values, strict=True))


def put_runs(txn: Any, room: Room, new: Runs, account: Account) -> Account:
    """Put runs behind all others; the account after it, which is not written yet."""
    count, data = len(new.starts) - 1, new.words.view(np.uint8).data
    at = (new.starts * 8).tolist()
    names = integer_keys(np.arange(account.runs + 1, account.runs + 1 + count))
    values = map(data.__getitem__, map(slice, at, at[1:]))
    put_last(txn, room.runs, zip(names, values, strict=True), count)
    return account._replace(runs=account.runs + count, values=account.values + len(new.pointers))


def put_last(txn: Any, rows: Any, pairs: Any, count: int) -> None:
    """Put so many rows behind all others of a database, in its order."""
    _, put = txn.cursor(rows).putmulti(pairs, append=True)
    if put != count:  # LMDB leaves out, in silence, what would not be last
        raise damaged("lies in a place whose account is not that of its runs")


def run_at(txn: Any, room: Room, name: bytes) -> Any:
    """The bytes of a run; Damaged if there is none of that number."""
    found = txn.get(name, None, room.runs)
    if found is None:
        raise damaged("lies in a run that is not there")
    return found


def each_run(txn: Any, room: Room) -> Iterator[tuple[int, Int64s]]:
    """Every run of a snapshot that nobody writes to, by its number."""
    with txn.cursor(room.runs) as cursor:
        for name, run in cursor.iternext():
            yield int.from_bytes(name, "little"), words_of(run)


def words_of(run: Any) -> Int64s:
    """The words of a run, which LMDB lays wherever it likes if it is short; none if they are not
    whole."""
    words: Int64s = np.frombuffer(run if not len(run) & 7 else b"", "<i8")
    return words if words.flags.aligned else np.frombuffer(bytes(run), "<i8")


def _another() -> int:
    return 1 + secrets.randbits(62)
