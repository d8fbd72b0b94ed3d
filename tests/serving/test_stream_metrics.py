"""What a worker says of itself while it works, and that it ends when it is told to."""

import re
import signal
import time
import urllib.request
from collections import Counter

import pytest

from feature_store.event_log import FileEventLog, append_all
from feature_store.store import open_store, window_plans
from feature_store.stream_worker import Pass
from finmodel.events import topic_of
from finmodel.lender.simulated import Lender
from finmodel.settings import Settings
from serving.stream_metrics import StreamMetrics
from tests.feature_store.kafka import empty_log
from tests.serving.demo_shell import Shell
from tests.serving.small_world import free_port


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        name: float(value)
        for name, value in re.findall(r"^(finmodel_stream\S+) (\S+)$", text, re.MULTILINE)
    }


def total(found: dict[str, float], name: str, *labels: str) -> float:
    return sum(v for k, v in found.items() if k.startswith(name) and all(x in k for x in labels))


@pytest.mark.servers
def test_a_worker_tells_what_it_counts_and_ends_after_its_transaction(broker, tmp_path):
    shell, port = Shell(tmp_path / "home", 3000), free_port()
    assert shell.finmodel("features", "apply").code == 0
    events = list(Lender(customers=10, days=40, seed=6, late_share=0.1).events())
    with empty_log(broker) as kafka:
        for topic in {str(event.__struct_config__.tag) for event in events}:
            kafka.create(topic, 4)
        append_all(kafka, events)
    plans = window_plans(open_store(Settings(home=shell.home, data=shell.home)))
    each = Counter(plan.topic for plan in plans)
    due = sum(each[topic_of(event)] for event in events)
    told = ["--kafka", broker.address, "--metrics-port", str(port), "--group", "metrics-test"]
    child = shell.start("stream", *told)
    deadline, found = time.monotonic() + 60, {}
    while total(found, "finmodel_stream_events_total") < due and child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        try:
            found = scraped(port)
        except OSError:  # it is not up yet
            continue
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 0, said
    assert total(found, "finmodel_stream_events_total", 'fate="late"') > 0
    assert total(found, "finmodel_stream_events_total") == due
    assert total(found, "finmodel_stream_freshness_seconds_count") > 0
    assert total(found, "finmodel_stream_lag_events") == 0
    assert "customer" not in " ".join(found)
    lost = {name for name in found if name.startswith("finmodel_stream_lost_offsets_total")}
    assert len(lost) == len(each), "of every topic that a view counts"


def test_what_never_happened_is_told_as_nothing_before_the_first_pass():
    """Prometheus reckons an increase between two values: the first must not be what was lost."""
    told = StreamMetrics([("logins", "app.login.v1"), ("spend", "card.v1")]).registry
    topics = [{"topic": "app.login.v1"}, {"topic": "card.v1"}]
    labels = {
        "seconds": [{"doing": "waiting"}, {"doing": "working"}],
        "lost_offsets": topics,
        "dead_letters": topics,
        "skipped": topics,
        "events": [{"view": "logins", "fate": "late"}, {"view": "spend", "fate": "counted"}],
    }
    for name, each in labels.items():
        for one in each:
            assert told.get_sample_value(f"finmodel_stream_{name}_total", one) == 0, (name, one)


def test_the_lag_is_what_the_log_is_ahead(tmp_path):
    events = list(Lender(customers=10, days=20, seed=1).events())
    with FileEventLog(tmp_path, partitions=1, write=True) as log:
        append_all(log, events)
        topic = log.topics()[0]
        batches = list(log.read(topic, 0))
        metrics = StreamMetrics()
        end = log.end_offsets(topic)[0]
        metrics.note(Pass(None, [], [batches[0].until(end - 3)], 0.0, 0.0))
        metrics.look(log)
    place = {"topic": topic, "partition": "0"}
    assert metrics.registry.get_sample_value("finmodel_stream_lag_events", place) == 3


def test_a_partition_that_another_has_now_is_not_told_any_more(tmp_path):
    with FileEventLog(tmp_path, partitions=2, write=True) as log:
        append_all(log, Lender(customers=30, days=20, seed=1).events())
        topic = log.topics()[0]
        batches = [batch for number in (0, 1) for batch in log.read(topic, number)]
        metrics = StreamMetrics()
        metrics.note(Pass(frozenset({0, 1}), [], batches, 0.0, 0.0))
        metrics.look(log)
        metrics.note(Pass(frozenset({1}), [], [], 0.0, 0.0))
    told = [
        metrics.registry.get_sample_value(
            "finmodel_stream_lag_events", {"topic": topic, "partition": number}
        )
        for number in "01"
    ]
    assert told == [None, 0]
