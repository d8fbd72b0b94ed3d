"""`finmodel archive` and `finmodel backfill`: files in, files out, and each sentence on the way."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_store import store
from feature_store.event_log import FileEventLog, append_all
from feature_store.offline import training_frame
from finmodel.errors import BadInput, NotFound, NotReady
from finmodel.lender.simulated import Lender
from finmodel.settings import Settings
from serving.backfill import archive_events, backfill
from serving.streaming import Source
from tests.feature_store.kafka import empty_log
from tests.feature_store.small_home import small_settings
from tests.serving.demo_shell import Shell

SERVICE = "customer_behaviour_v1"
SPINE = """customer_id,event_timestamp,label
3,2024-02-01T08:00:00+08:00,1
9,2024-02-20T00:00:00Z,0
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home with the shipped definitions and a lender's events, archived."""
    settings = small_settings(tmp_path_factory.mktemp("backfill") / "home")
    store.apply(settings)
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, Lender(customers=40, days=60, seed=4).events())
    log, told = FileEventLog(settings.events), archive_events(settings, Source())
    assert {one.topic: one.events for one in told} == counts_of(log)
    return settings


def counts_of(log: FileEventLog) -> dict[str, int]:
    return {topic: sum(log.end_offsets(topic)) for topic in log.topics()}


@pytest.fixture
def spine(tmp_path) -> Path:
    (tmp_path / "spine.csv").write_text(SPINE)
    return tmp_path / "spine.csv"


def test_a_shell_archives_and_backfills(settings, spine, tmp_path):
    shell, output = Shell(settings.home, 3000), tmp_path / "features.csv"
    words = ("backfill", SERVICE, "--spine", str(spine), "--output", str(output), "--json")
    answer = shell.finmodel(*words)
    assert answer.code == 0, answer.err
    told = {"service": SERVICE, "rows": 2, "engine": "duckdb", "output": str(output)}
    assert answer.json == told | {"features": len(pd.read_csv(output).columns) - 3}
    assert "windowed views: 10" in answer.err
    answer = shell.finmodel("archive", "--json")
    assert {(one["events"], one["files"], one["waiting"]) for one in answer.json} == {(0, 0, 0)}
    assert "archive app.login.v1" in answer.err


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_files_rows_get_their_features(settings, spine, tmp_path, ending):
    asked = pd.read_csv(spine)
    asked["event_timestamp"] = pd.to_datetime(asked["event_timestamp"], utc=True, format="ISO8601")
    if ending == "parquet":
        spine = tmp_path / "spine.parquet"
        asked.to_parquet(spine)
    output = tmp_path / f"features.{ending}"
    told = backfill(settings, SERVICE, spine, output)
    found = pd.read_csv(output) if ending == "csv" else pd.read_parquet(output)
    expected = training_frame(settings, asked, SERVICE)
    assert told.features == len(found.columns) - 3 == len(expected.columns) - 3
    assert found["label"].tolist() == [1, 0]
    assert (np.nan_to_num(found.iloc[:, 3:]) > 0).sum() > 10
    # A CSV's numbers are written with all their digits.
    pd.testing.assert_frame_equal(found.iloc[:, 3:].astype("float32"), expected.iloc[:, 3:])


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"engine": "flink"}, BadInput, "there is no engine 'flink'; name duckdb or spark"),
        ({"output": "features.txt"}, BadInput, "the ending '.txt' is not known; name a .csv"),
        ({"output": "spine.csv"}, BadInput, "spine and output are one file; name another"),
        ({"spine": "nowhere.csv"}, NotFound, "no such file; name a CSV or Parquet file"),
        ({"service": "risk_v9"}, NotFound, "there is no such feature service"),
    ],
)
def test_what_went_wrong_is_said_and_leaves_no_file(settings, spine, given, error, said):
    words = {"service": SERVICE, "spine": "spine.csv", "output": "features.csv"} | given
    places = {name: spine.parent / words.pop(name) for name in ("spine", "output")}
    with pytest.raises(error, match=said):
        backfill(settings, **words, **places)
    assert [path.name for path in spine.parent.iterdir()] == ["spine.csv"]
    assert spine.read_text() == SPINE


@pytest.mark.parametrize("wrong", ["2024-02-20T00:00:00", "yesterday", ""])
def test_a_time_without_a_zone_is_named_by_its_row(settings, spine, wrong):
    spine.write_text(SPINE.replace("2024-02-20T00:00:00Z", wrong))
    with pytest.raises(BadInput, match=r"row 2: event_timestamp .* is not a time with its zone"):
        backfill(settings, SERVICE, spine, spine.with_name("features.csv"))


def test_before_anything_is_archived_it_is_not_ready(spine, tmp_path):
    bare = small_settings(tmp_path / "home")
    store.apply(bare)
    with pytest.raises(NotReady, match="no events are archived yet; run `finmodel archive`"):
        backfill(bare, SERVICE, spine, tmp_path / "features.csv")
    with pytest.raises(NotReady, match="there is no event log; write events first"):
        archive_events(bare, Source())
    assert not bare.archive.exists()


@pytest.mark.servers
def test_the_same_events_in_kafka_are_archived_alike(settings, broker, tmp_path):
    log, other = FileEventLog(settings.events), small_settings(tmp_path / "home")
    with empty_log(broker) as kafka:
        for topic in log.topics():
            kafka.create(topic, log.partitions)
            for partition in range(log.partitions):
                for batch in log.read(topic, partition):
                    kafka.append(topic, batch.events())
        told = archive_events(other, Source(broker.address))
        assert {one.topic: one.events for one in told} == counts_of(log)
        assert sum(one.events for one in archive_events(other, Source(broker.address))) == 0
