"""Customers' values in an LMDB map: found, taken and put many at a time, in their transaction.

LMDB copies each page that it writes to, so a value for each key costs a page for each customer once
there are many. Here a key has a number, given once; the numbers' pointers lie side by side, 510 in
a page; and what a call puts lies back to back in runs of whole pages. A value's older copies stay
in their runs: when those are as many as the values that count, the oldest runs go, and what counts
of them is put anew. What a value means is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from feature_store.known_rooms import KnownRoom, Lie
from feature_store.lmdb_room import (
    CHUNK,
    Account,
    Room,
    account_of,
    chunks_of,
    new_account,
    note,
    numbers_of,
    put_chunks,
    put_runs,
    run_at,
    words_of,
)
from feature_store.packed_columns import joined
from feature_store.packed_kernels import Sections
from feature_store.packed_keys import integer_keys
from feature_store.packed_merge import each_value
from feature_store.packed_rows import damaged
from feature_store.run_kernels import (
    Entries,
    cut,
    entries_of,
    gathered,
    laid,
    lie_of,
    pointer,
    run_of,
)
from finmodel.records import Int64s

_FEW = 24
"""Keys that are looked up one by one."""
_SPARE = 64
"""Values that are moved on with a call that puts few."""


class Found(NamedTuple):
    """Where the values of some keys lie in a snapshot."""

    numbers: Int64s
    """(n,) -1 where a key has none."""
    pointers: Int64s
    """(n,) 0 where there is no value."""


def find(txn: Any, room: Room, keys: Sequence[bytes], known: KnownRoom | None = None) -> Found:
    """Where the values of keys lie; `known` is of this place of this map, its keys are integers and
    nobody writes in the transaction.

    NotReady if an earlier version wrote the place.
    """
    account = None if known is None else account_of(txn, room)
    if known is None or account is None:
        numbers = numbers_of(txn, room, keys)
    else:
        numbers = known.of(
            np.frombuffer(b"".join(keys), "<u8"),
            account.standing,
            account.numbers,
            lambda some: numbers_of(txn, room, [keys[i] for i in some]),
        )
    pointers, there = np.zeros(len(keys), np.int64), np.flatnonzero(numbers >= 0)
    if len(there):
        chunks = chunks_of(txn, room, numbers[there])
        pointers[there] = chunks.words[chunks.at]
    return Found(numbers, pointers)


def take(txn: Any, room: Room, found: Found, known: KnownRoom | None = None) -> Sections:
    """The values that were found in the same snapshot, back to back; empty where there is none."""
    runs_of = run_of(found.pointers)
    if ((runs_of == 0) & (found.pointers != 0)).any():
        raise damaged("has a pointer to no run")
    names, which = np.unique(runs_of, return_inverse=True)
    first = int(len(names) > 0 and names[0] == 0)  # of those who have none
    there, kept = names[first:], list[Any]()

    def look_up(some: list[int]) -> list[Lie]:
        kept.extend(run_at(txn, room, name) for name in integer_keys(np.array(some, np.int64)))
        return [lie_of(run) for run in kept]

    account = None if known is None else account_of(txn, room)
    if known is None or account is None:
        lies = np.array(look_up(there.tolist()), np.int64).reshape(-1, 2)
    else:
        lies = known.runs(there, account.standing, look_up)
    return gathered(lies, which - first, *found)


def fetched(
    txn: Any, room: Room, keys: Sequence[bytes], known: KnownRoom | None = None
) -> Sections:
    """The values of keys, back to back; empty where there is none. NotReady as `find`."""
    if room.numbers is None:
        return joined([b""] * len(keys))
    if len(keys) <= _FEW:
        return joined([_value(txn, room, key) for key in keys])
    return take(txn, room, find(txn, room, keys, known), known)


def values_of(txn: Any, room: Room, keys: Sequence[bytes]) -> list[bytes]:
    """The same, one by one."""
    return list(map(bytes, each_value(fetched(txn, room, keys))))


def _value(txn: Any, room: Room, key: bytes) -> bytes:
    """The value of one key, by which whoever asks for few need not wait for arrays."""
    number = txn.get(key, None, room.numbers)
    if number is None:
        return b""
    if len(number) != 8:
        numbers_of(txn, room, [key])  # which says what is wrong
    chunk, place = divmod(int.from_bytes(number, "little"), CHUNK)
    found = txn.get(chunk.to_bytes(8, "little"), None, room.pointers)
    if found is not None and len(found) != 8 * CHUNK:
        raise damaged("has a pointer that is not whole")
    pointer = 0 if found is None else int.from_bytes(found[8 * place : 8 * place + 8], "little")
    if not pointer:
        return b""
    run, at = divmod(pointer, 1 << 16)
    return cut(run_at(txn, room, run.to_bytes(8, "little")), place + chunk * CHUNK, at)


def put(txn: Any, room: Room, keys: Sequence[bytes], numbers: Int64s, values: Sections) -> None:
    """Put the values of keys, in the map's order; their numbers are as `find` tells them now."""
    if not len(keys):
        return
    account = account_of(txn, room) or new_account()
    numbers, account = _numbered(txn, room, keys, numbers, account)
    old = _oldest(txn, room, account, len(keys))
    theirs = [numbers, *(run.entries.numbers for run in old)]
    chunks = chunks_of(txn, room, np.concatenate(theirs))
    new = laid(values, numbers, account.runs + 1)
    chunks.words[chunks.at[: len(numbers)]] = new.pointers
    account = put_runs(txn, room, new, account)
    if old:
        places = chunks.at[len(numbers) :]
        account = account._replace(values=account.values - len(places))
        account = move(txn, room, old, chunks.words, places, account)
    put_chunks(txn, room, chunks)
    note(txn, room, account)


def _numbered(
    txn: Any, room: Room, keys: Sequence[bytes], numbers: Int64s, account: Account
) -> tuple[Int64s, Account]:
    """The numbers of keys, with new ones for whoever has none."""
    new = np.flatnonzero(numbers < 0)
    if not len(new):
        return numbers, account
    numbers = numbers.copy()
    numbers[new] = np.arange(account.numbers, account.numbers + len(new))
    names = [keys[i] for i in new.tolist()]
    pairs = zip(names, integer_keys(numbers[new]), strict=True)
    txn.cursor(room.numbers).putmulti(pairs, append=_is_last(txn, room, names[0]))
    return numbers, account._replace(numbers=account.numbers + len(new))


def _is_last(txn: Any, room: Room, key: bytes) -> bool:
    """Whether a key comes after all that have numbers, so that pages can be filled to the brim."""
    with txn.cursor(room.numbers) as cursor:
        if not cursor.last():
            return True
        last = bytes(cursor.key())
    integer = room.numbers.flags(txn)["integerkey"]
    return key[::-1] > last[::-1] if integer else key > last


class Old(NamedTuple):
    """A run that is taken out."""

    number: int
    words: Int64s
    entries: Entries


def _oldest(txn: Any, room: Room, account: Account, new: int) -> list[Old]:
    """The oldest runs, taken out, while old copies are more than the values that count; of one
    call no more than bound its time. One that is damaged stays, to be told to whoever reads it."""
    most, lying = 2 * new + _SPARE, account.values + new - 2 * txn.stat(room.numbers)["entries"]
    found: list[Old] = []
    with txn.cursor(room.runs) as cursor:
        there = most > 0 and lying > 0 and cursor.first()
        while there and most > 0 and lying > 0:
            number, words = int.from_bytes(cursor.key(), "little"), words_of(cursor.value()).copy()
            entries = entries_of(words, account.numbers)
            if entries is None:
                there = cursor.next()
                continue
            found.append(Old(number, words, entries))
            there = cursor.delete() and bool(cursor.key())  # it goes on to the next
            lying, most = lying - len(entries.at), most - len(entries.at)
    return found


def move(
    txn: Any, room: Room, old: Sequence[Old], pointers: Int64s, places: Int64s, account: Account
) -> Account:
    """Put what counts of some runs behind all others, by pointers that are changed in memory;
    `places` has where in them that of each of the runs' values is. The account after it."""
    lie = np.concatenate([pointer(run.number, run.entries.at) for run in old])
    counts = np.flatnonzero(pointers[places] == lie)
    if not len(counts):
        return account
    numbers = np.concatenate([run.entries.numbers for run in old])[counts]
    which = np.repeat(np.arange(len(old)), [len(run.entries.at) for run in old])[counts]
    values = gathered(np.array([lie_of(run.words) for run in old]), which, numbers, lie[counts])
    new = laid(values, numbers, account.runs + 1)
    pointers[places[counts]] = new.pointers
    return put_runs(txn, room, new, account)
