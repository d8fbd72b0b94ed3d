"""A place of an LMDB map written anew: without some customers, or as this version lays it out.

Each is one transaction: the place is as it was, or as it is to be. What lies in pages that are free
after it is for lmdb_scrub.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from feature_store.lmdb_map import LmdbMap
from feature_store.lmdb_room import (
    Room,
    account_of,
    chunks_of,
    each_run,
    is_older,
    names_of,
    new_account,
    note,
    numbers_of,
    put_chunks,
    put_last,
)
from feature_store.lmdb_values import Old, move, put
from feature_store.packed_catalog import META
from feature_store.packed_columns import joined
from feature_store.packed_keys import Place
from feature_store.run_kernels import Entries, cut, entries_of, holds, run_of, word_of
from finmodel.records import Int64s

_AT_ONCE = 10_000
_RUNS_AT_ONCE = 64


def bring_up(found: LmdbMap, txn: Any, room: Room, place: Place) -> bool:
    """Put every value of a place that an earlier version wrote, in the caller's transaction;
    whether one did."""
    if not is_older(txn, room):
        return False
    with found.reading(place.name) as (before, (rows,)):
        each = before.cursor(rows).iternext()
        txn.drop(room.numbers, delete=False)
        while some := [(bytes(key), bytes(value)) for key, value in islice(each, _AT_ONCE)]:
            keys, values = zip(*some, strict=True)
            put(txn, room, keys, np.full(len(keys), -1, np.int64), joined(values))
    return True


def remove(found: LmdbMap, place: Place, keys: Sequence[bytes]) -> tuple[int, set[bytes]]:
    """Take keys out, and every copy of their values; how many had one, and those copies that no
    other key has too.

    Everything is written anew, and from pages that nothing stood in: LMDB leaves what was deleted
    where it stood in a page that is still used.
    """
    found.let_go()
    names = {META: False} | names_of(place)
    with found.writing(names) as (txn, (meta, *handles)), found.reading(*names) as (before, _):
        room, gone = Room(*handles), set(keys)
        numbers = numbers_of(txn, room, list(gone))
        numbers = numbers[numbers >= 0]
        if not len(numbers):
            return 0, set()
        for database, fewer in ((meta, 0), (room.numbers, len(numbers))):
            count = txn.stat(database)["entries"] - fewer
            others = (row for row in before.cursor(database) if bytes(row[0]) not in gone)
            txn.drop(database, delete=False)
            put_last(txn, database, others, count)
        copies = _write_runs(txn, before, room, numbers)
        for _, run in each_run(txn, room):
            data = run.tobytes()
            copies.difference_update([one for one in copies if one in data])
    return len(numbers), copies


def _copies(run: Old, numbers: Int64s) -> Iterator[bytes]:
    """A run's copies of the values of some numbers."""
    data, (whose, at) = run.words.view(np.uint8).data, run.entries
    for i in np.flatnonzero(np.isin(whose, numbers)).tolist():
        yield cut(data, int(whose[i]), int(at[i]))


def _each(txn: Any, room: Room, pointers: Int64s) -> Iterator[Old]:
    """Every run; of one that is damaged, what counts and can be read."""
    for number, words in each_run(txn, room):
        entries = entries_of(words, len(pointers))
        if entries is None:
            numbers = np.flatnonzero(run_of(pointers) == number)
            at = word_of(pointers[numbers])
            there = [holds(words, *of) for of in zip(numbers.tolist(), at.tolist(), strict=True)]
            entries = Entries(numbers[there], at[there])
        yield Old(number, words, entries)


def _write_runs(txn: Any, before: Any, room: Room, gone: Int64s) -> set[bytes]:
    """What counts of every run into new ones, but what some numbers have: every copy of that. A
    value that is damaged goes; whoever asks for it is told so as before."""
    account, copies = account_of(before, room) or new_account(), set[bytes]()
    chunks = chunks_of(before, room, np.arange(account.numbers))  # number n's pointer is words[n]
    each = _each(before, room, chunks.words[: account.numbers].copy())
    chunks.words[gone] = 0
    txn.drop(room.pointers, delete=False)
    txn.drop(room.runs, delete=False)
    account = account._replace(values=0).again()
    while some := list(islice(each, _RUNS_AT_ONCE)):
        for run in some:
            copies.update(_copies(run, gone))
        places = np.concatenate([run.entries.numbers for run in some])
        account = move(txn, room, some, chunks.words, places, account)
    put_chunks(txn, room, chunks)
    note(txn, room, account)
    return copies
