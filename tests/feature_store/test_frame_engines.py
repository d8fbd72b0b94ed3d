"""Windowed frames on DuckDB and on Spark: the same bits, and what each engine leaves behind."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_store.archive import archive_log, archive_schema
from feature_store.archive_files import ArchiveFile
from feature_store.archive_key import Archive
from feature_store.event_log import FileEventLog, append_all
from feature_store.frame_engines import opened
from feature_store.window_frames import Question, Spine, features_of
from finmodel.clock import micros
from finmodel.errors import BadInput, NotReady
from finmodel.lender.simulated import Lender
from tests.feature_store.test_window_frames import CUSTOMERS, FIRST, LOGIN, PLANS, plan

MORE = plan("card.status.v1", "status", "count event_id")
"""A view of a topic without events."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Archive:
    folder = tmp_path_factory.mktemp("engines")
    lender = Lender(customers=CUSTOMERS, days=70, seed=3, late_share=0.1, twice_share=0.1)
    with FileEventLog(folder / "log", write=True) as log:
        append_all(log, lender.events())
        archive = Archive(folder / "archive", bytes(32))
        archive_log(log, archive, at_least=1)
    return archive


@pytest.fixture(scope="module")
def spine() -> Spine:
    random = np.random.default_rng(2)
    times = micros(FIRST) + random.integers(0, 80 * 86_400 * 10**6, 2_000)
    return Spine(random.integers(1, CUSTOMERS + 4, 2_000), times)


@pytest.mark.slow
def test_spark_gives_the_same_bits_as_duckdb(archive, spine, tmp_path, monkeypatch):
    """It listens on the loopback alone, and leaves nothing in the folder or the archive."""
    monkeypatch.chdir(tmp_path)
    before = sorted(archive.folder.rglob("*"))
    views = [*PLANS, MORE]
    with opened("duckdb", archive.folder) as ask:
        theirs = [features_of(archive, view, spine, ask) for view in views]
    with opened("spark", archive.folder) as ask:
        ours = [features_of(archive, view, spine, ask) for view in views]
        heard = {
            one.laddr.ip
            for process in psutil.Process().children(recursive=True)
            for one in process.net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        }
    assert heard
    assert heard <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert (np.nan_to_num(np.hstack(theirs)) > 0).sum() > 1_000
    assert [one.tobytes() for one in ours] == [one.tobytes() for one in theirs]
    assert list(tmp_path.iterdir()) == []
    assert sorted(archive.folder.rglob("*")) == before


def test_events_that_do_not_fit_into_memory_are_sorted_on_the_disk(tmp_path, monkeypatch):
    """A million events in an order that is not the one asked for; each customer has as many."""
    monkeypatch.setattr("feature_store.frame_engines.MEMORY", "100MB")
    monkeypatch.setattr("feature_store.frame_engines.THREADS", 2)
    archive, n, customers = Archive(tmp_path, bytes(32)), 1_000_000, np.arange(1, 501)
    times = micros(FIRST) + np.arange(n)
    columns = {
        "partition": np.zeros(n, np.int32),
        "log_offset": np.arange(n),
        "customer": np.tile(archive.pseudonyms(customers), n // len(customers)),
        "event_id": np.char.add("e", np.arange(n).astype(str)),
        "occurred_at": times,
        "known_at": times,
        "channel": np.full(n, "app"),
        "status": np.full(n, "success"),
    }
    schema = archive_schema(LOGIN)
    (tmp_path / LOGIN).mkdir()
    arrays = [pa.array(columns[name]).cast(schema.field(name).type) for name in schema.names]
    name = ArchiveFile(0, 0, 0, n).name
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), tmp_path / LOGIN / name)
    aside = []

    def watching(question: Question) -> Iterator[pa.RecordBatch]:
        with opened("duckdb", archive.folder) as ask:
            for batch in ask(question):
                aside.append(sum(path.stat().st_size for path in tmp_path.glob(".aside-*/*")))
                yield batch

    spine = Spine(customers, np.full(len(customers), micros(FIRST) + n))
    found = features_of(archive, plan(LOGIN, "login", "count event_id"), spine, watching)
    assert max(aside) > 10_000_000
    assert (found == n / len(customers)).all()
    monkeypatch.setattr("feature_store.frame_engines.MEMORY", "9MB")
    with pytest.raises(NotReady, match=r"put them aside: Out of Memory Error: .*; see"):
        features_of(archive, plan(LOGIN, "login", "count event_id"), spine, watching)
    assert list(tmp_path.glob(".aside-*")) == []


def test_where_spark_is_not_installed_is_one_sentence(archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with (
        pytest.raises(NotReady, match="engine spark: pyspark is not installed; pip install pysp"),
        opened("spark", archive.folder),
    ):
        pass


def test_another_engine_is_refused(tmp_path):
    with (
        pytest.raises(BadInput, match="there is no engine 'flink'; name duckdb or spark"),
        opened("flink", tmp_path / "nowhere"),
    ):
        pass
    assert not Path(tmp_path / "nowhere").exists()
