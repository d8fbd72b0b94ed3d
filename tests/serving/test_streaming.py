"""`finmodel stream` as a shell sees it: what was counted, from files and from a real Kafka."""

import time
from datetime import UTC, datetime

import numpy as np
import pytest

from feature_store.event_log import FileEventLog, append_all
from feature_store.online import OnlineFeatures
from feature_store.plan import plan_of
from feature_store.store import open_store
from finmodel.lender.simulated import Lender
from finmodel.settings import Settings
from serving.stream_state import workers_in
from tests.feature_store.kafka import empty_log
from tests.serving.demo_shell import Shell, press_ctrl_c

LENDER = Lender(customers=40, days=60, seed=4)


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> Shell:
    """A home with the shipped definitions and a lender's events in files."""
    shell = Shell(tmp_path_factory.mktemp("stream") / "home", 3000)
    assert shell.finmodel("features", "apply").code == 0
    with FileEventLog(shell.home / "events", write=True) as log:
        append_all(log, LENDER.events())
    return shell


def vectors(shell: Shell) -> np.ndarray:
    settings = Settings(home=shell.home, data=shell.home)
    plan = plan_of(open_store(settings), "customer_behaviour_v1")
    online = OnlineFeatures(settings.online)
    matrix = online.fetch(np.arange(1, 41), plan, datetime(2024, 3, 1, tzinfo=UTC)).matrix
    online.close()
    return matrix


@pytest.fixture(scope="module")
def counted(shell) -> list[dict]:
    return shell.finmodel("stream", "--once", "--json").json


def test_every_topic_is_counted_once(shell, counted):
    log = FileEventLog(shell.home / "events")
    assert {one["topic"]: one["events"] for one in counted} == {
        topic: sum(log.end_offsets(topic)) for topic in log.topics()
    }
    assert len(counted) == 11
    assert all(one["counted"] > 0 for one in counted)
    again = shell.finmodel("stream", "--once", "--json").json
    assert {one["events"] for one in again} == {0}


def test_a_vector_has_at_least_128_features_that_are_told_apart(shell, counted):
    matrix = vectors(shell)
    assert matrix.shape[1] >= 128
    assert (np.nan_to_num(matrix) != 0).any(axis=0).mean() > 0.6
    assert len(np.unique(matrix, axis=0)) > 30


@pytest.mark.servers
def test_the_same_events_in_kafka_give_the_same_vectors(shell, counted, broker, tmp_path):
    other, log = Shell(tmp_path / "home", 3000), FileEventLog(shell.home / "events")
    assert other.finmodel("features", "apply").code == 0
    with empty_log(broker) as kafka:
        for topic in log.topics():
            kafka.create(topic, log.partitions)
            for partition in range(log.partitions):
                for batch in log.read(topic, partition):
                    kafka.append(topic, batch.events())
    answer = other.finmodel("stream", "--kafka", broker.address, "--once", "--json")
    assert answer.code == 0, answer.err
    assert len(answer.json) == 11
    np.testing.assert_array_equal(vectors(other), vectors(shell))


def test_where_there_is_nothing_to_follow_is_one_sentence(tmp_path):
    shell = Shell(tmp_path / "home", 3000)
    answer = shell.finmodel("stream", "--once")
    assert answer.code == 3
    assert "feast apply" in answer.err


def test_it_follows_the_log_until_ctrl_c(shell, counted):
    """Last, since it adds to the log of this file."""
    child = shell.start("stream")
    time.sleep(1)
    with FileEventLog(shell.home / "events", write=True) as log:
        append_all(log, list(Lender(customers=5, days=20, seed=9).events()))
    line = child.stdout.readline()
    press_ctrl_c(child)
    _out, said = child.communicate(timeout=60)
    assert "view" in line
    assert child.returncode == 130
    assert "Traceback" not in said
    streams = Settings(home=shell.home, data=shell.home).streams
    (own,) = (one for one in workers_in(streams) if one.name == f"pid-{child.pid}")
    assert own.stopped
