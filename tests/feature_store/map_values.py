"""What lies in an LMDB map, value by value, and values that were put there as no writer would."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from feature_store.lmdb_map import MapPlace, open_map
from feature_store.lmdb_room import Room, each_run, names_of
from feature_store.lmdb_values import find, put, values_of
from feature_store.packed_columns import joined
from feature_store.packed_keys import keys_of, place_of
from feature_store.run_kernels import run_of

CUSTOMERS = place_of("customer_id", "int64")


def key_of(customer: int) -> bytes:
    """Under what a customer's value lies."""
    return keys_of("customer_id", np.array([customer]))[0]


def values_in(place: MapPlace) -> dict[bytes, bytes]:
    """Every customer's value."""
    with open_map(place).reading(*names_of(CUSTOMERS)) as (txn, handles):
        room = Room(*handles)
        if room.numbers is None:
            return {}
        keys = [bytes(key) for key in txn.cursor(room.numbers).iternext(values=False)]
        return dict(zip(keys, values_of(txn, room, keys), strict=True))


def put_value(place: MapPlace, customer: int, value: bytes) -> None:
    """Put a customer's value, whatever it says."""
    with open_map(place).writing(names_of(CUSTOMERS)) as (txn, handles):
        room, key = Room(*handles), key_of(customer)
        put(txn, room, [key], find(txn, room, [key]).numbers, joined([value]))


def spoil(place: MapPlace, customer: int, damage: Callable[[bytes], bytes]) -> None:
    """Change the bytes that a customer's value takes in the file, whatever it lies among."""
    with open_map(place).writing(names_of(CUSTOMERS)) as (txn, handles):
        room, key = Room(*handles), key_of(customer)
        value, found = values_of(txn, room, [key])[0], find(txn, room, [key])
        runs = dict(each_run(txn, room))
        number = int(run_of(found.pointers)[0])
        run = runs[number].tobytes()
        assert run.count(value) == 1
        txn.put(number.to_bytes(8, "little"), run.replace(value, damage(value)), db=room.runs)
