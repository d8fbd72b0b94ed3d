"""Three workers over one map, one killed and one added under load, against one all alone."""

import signal
import subprocess
import sys
import time

import msgspec
import numpy as np
import pytest

from feature_store.online import OnlineFeatures
from feature_store.stream import catch_up
from tests.feature_store.kafka import admin, forget_topics, open_log
from tests.feature_store.test_stream import (
    CUSTOMERS,
    PLANS,
    SERVICE,
    end_of,
    events,
    log,
    stored,
    whole,
    writer_at,
)

pytestmark = pytest.mark.servers

__all__ = ["events", "log", "whole"]  # fixtures
GROUP = "stream"
TOPICS = [plan.topic for plan in PLANS]
PARTITIONS = 6
PORTIONS = 60
PATIENCE = 60

WORKER = """
import sys
from pathlib import Path

import msgspec

from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from feature_store.lmdb_map import MapPlace
from feature_store.packed_writer import PackedWriter
from feature_store.stream import Stream
from feature_store.window_plan import WindowPlan

address, group, folder, told = sys.argv[1:]
plans = msgspec.json.decode(told, type=list[WindowPlan])
topics = [plan.topic for plan in plans]
writer = PackedWriter(MapPlace(Path(folder), 0.2, sync=False), "finmodel")
settings = KafkaSettings(address, {"session_timeout_ms": 3_000})
with KafkaEventLog(settings) as log, KafkaGroup(settings, group, topics=topics) as member:
    stream = Stream(log, writer, plans)
    while True:
        owned = member.owned()
        upto = stream.starts(owned)
        with log.follow(upto) as following:
            while member.owned() == owned:
                batches = following.poll(0.05)
                counted = stream.count(batches)
                upto |= {(batch.topic, batch.partition): batch.end for batch in batches}
                member.commit(upto)
                print(len(owned), sum(one.events for one in counted), flush=True)
"""


def started(broker, folder, aside):
    told = msgspec.json.encode(PLANS).decode()
    command = [sys.executable, "-c", WORKER, broker.address, GROUP, str(folder), told]
    with aside.open("wb") as out:
        return subprocess.Popen(command, stdout=out)


class Workers:
    """Processes by name, over one map."""

    def __init__(self, broker, folder):
        self._broker, self._folder, self._processes = broker, folder, {}

    def start(self, *names):
        told = msgspec.json.encode(PLANS).decode()
        command = [sys.executable, "-c", WORKER, self._broker.address, GROUP]
        for name in names:
            with self._said(name).open("wb") as out:
                self._processes[name] = subprocess.Popen(
                    [*command, str(self._folder), told], stdout=out
                )

    def kill(self, *names):
        for name in names:
            process = self._processes.pop(name)
            process.send_signal(signal.SIGKILL)
            process.wait()

    def alive(self):
        return tuple(self._processes)

    def share(self, names):
        """Whether each has its third of the numbers."""
        return all(self._passes(name)[-1:] and self._passes(name)[-1][0] == 2 for name in names)

    def counted(self, names):
        """Whether each has read some events."""
        return all(sum(events for _, events in self._passes(name)) for name in names)

    def _passes(self, name):
        lines = self._said(name).read_text().splitlines()
        return [tuple(map(int, line.split())) for line in lines if line.count(" ") == 1]

    def _said(self, name):
        return self._folder.with_name(f"{name}.txt")


class Producer:
    """Writes all events of a log, a portion at a time, while somebody waits for something."""

    def __init__(self, log, kafka):
        self._kafka = kafka
        self._portions = [[] for _ in range(PORTIONS)]
        for topic in TOPICS:
            batches = [b for number in range(log.partitions) for b in log.read(topic, number)]
            events = sorted((e for b in batches for e in b.events()), key=lambda e: e.known_at)
            size = len(events) // PORTIONS + 1
            for place, portion in enumerate(self._portions):
                portion.append((topic, events[place * size : (place + 1) * size]))

    def write(self, keep=0):
        """One portion, if that leaves as many as are to be kept."""
        if len(self._portions) > keep:
            for topic, events in self._portions.pop(0):
                self._kafka.append(topic, events)

    @property
    def wrote_all(self):
        return not self._portions

    def wait(self, until, keep):
        late = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < late
            self.write(keep)
            time.sleep(0.1)


def behind(broker, kafka):
    """Events that no commit says are counted."""
    with admin(broker) as client:
        noted = client.list_group_offsets(GROUP)[GROUP]
    return sum(sum(kafka.end_offsets(t)) for t in TOPICS) - sum(n.offset for n in noted.values())


@pytest.mark.usefixtures("whole")  # what is compiled, is compiled once, before three need it
def test_workers_that_come_and_are_killed_count_each_event_once(broker, log, tmp_path):
    forget_topics(broker)
    workers = Workers(broker, tmp_path / "online")
    with open_log(broker) as kafka:
        for topic in TOPICS:
            kafka.create(topic, PARTITIONS)
        producer = Producer(log, kafka)
        try:
            workers.start(*"abc")
            producer.wait(lambda: workers.share("abc"), keep=40)
            producer.write()
            producer.wait(lambda: workers.counted("abc"), keep=30)
            workers.kill("a")
            workers.start("d")
            producer.wait(lambda: workers.share("bcd"), keep=10)
            producer.write()
            producer.wait(lambda: workers.counted("d"), keep=1)
            producer.wait(lambda: producer.wrote_all and behind(broker, kafka) == 0, keep=0)
        finally:
            workers.kill(*workers.alive())
        ends = [sum(kafka.end_offsets(topic)) for topic in TOPICS]
        assert ends == [sum(log.end_offsets(topic)) for topic in TOPICS]
        catch_up(kafka, writer_at(tmp_path / "alone"), PLANS)
    customers, as_of = np.arange(1, CUSTOMERS + 1), end_of(log)
    shared, alone = (
        OnlineFeatures(tmp_path / name).fetch(customers, SERVICE, as_of)
        for name in ("online", "alone")
    )
    np.testing.assert_array_equal(shared.matrix, alone.matrix)
    assert np.count_nonzero(np.nan_to_num(alone.matrix)) > 300
    both = [stored(tmp_path / name, customers.tolist()) for name in ("online", "alone")]
    assert both[0] == both[1]
