"""A map that fills, one whose reader was killed, one of another program; and whom a map knows."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import lmdb
import msgspec
import numpy as np
import pytest

from feature_store.lmdb_map import MapPlace, open_map
from feature_store.map_health import health_of, spread_ids
from feature_store.packed_catalog import BOOK, META, STAMP
from feature_store.packed_columns import ViewColumns
from feature_store.packed_keys import place_of
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan
from finmodel.errors import NoRoom, NotReady

ROWS = place_of("customer_id", "int64")
HOLDS = """
import lmdb, os, sys
env = lmdb.open(sys.argv[1], readonly=True, max_dbs=64)
txn = env.begin()
print("reading", flush=True)
sys.stdin.read()
"""


def filled(folder: Path, customers: int, map_gb: float = 0.001) -> MapPlace:
    place = MapPlace(folder, map_gb, sync=False)
    ids, features = np.arange(1, customers + 1) * 3, (FeaturePlan("x", "Float32"),)
    rows = ViewColumns(
        "bill", features, np.zeros(customers, np.int64), np.ones((customers, 1), "f4")
    )
    PackedWriter(place, "finmodel").write_columns("customer_id", ids, [rows])
    return place


def test_a_map_is_as_full_as_what_it_holds(tmp_path):
    little = health_of(filled(tmp_path / "little", 100))
    much = health_of(filled(tmp_path / "much", 14_000))
    assert little.limit == much.limit == int(0.001 * 2**30)
    assert little.used < 0.1 * little.limit
    assert 0.8 * much.limit < much.used < much.limit
    with pytest.raises(NoRoom):  # it is not said too late
        filled(tmp_path / "much", 24_000)


def test_a_reader_that_was_killed_is_told_until_somebody_writes(tmp_path):
    place = filled(tmp_path / "map", 10)
    words = [sys.executable, "-c", HOLDS, str(place.path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"reading\n"
        assert health_of(place).gone == ()
        os.kill(child.pid, signal.SIGKILL)
    assert health_of(place).gone == (child.pid,)
    filled(tmp_path / "map", 11)
    assert health_of(place).gone == ()


def test_a_map_of_another_format_and_none_at_all_are_not_ready(tmp_path):
    place = filled(tmp_path / "map", 1)
    with open_map(place).writing({META: False}) as (txn, (meta,)):
        book = msgspec.json.decode(txn.get(BOOK, None, meta)) | {"format": 9}
        txn.put(BOOK, msgspec.json.encode(book), db=meta)
        txn.put(STAMP, b"another", db=meta)
    with pytest.raises(NotReady, match="format 9"):
        health_of(place)
    with pytest.raises(NotReady, match="no map"):
        health_of(MapPlace(tmp_path / "nowhere"))


def test_what_is_no_map_is_told_in_our_words(tmp_path):
    (tmp_path / "data.mdb").write_bytes(b"x" * 10_000)
    with pytest.raises(Exception, match="map") as told:
        health_of(MapPlace(tmp_path))
    assert not isinstance(told.value, lmdb.Error)


@pytest.mark.parametrize("most", [1, 7, 50, 1_000])
def test_ids_are_spread_over_all_that_are_there(tmp_path, most):
    place = filled(tmp_path / "map", 300)
    ids = spread_ids(place, ROWS, most)
    assert len(ids) == len(set(ids.tolist())) == min(most, 300)
    assert set(ids.tolist()) <= set(range(3, 903, 3))
    if most > 1:
        assert ids.max() > 700
    assert len(spread_ids(place, place_of("other_id", "int64"), most)) == 0
