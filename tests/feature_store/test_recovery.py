"""Stores that were emptied, put back to an old copy, or are new: filled again before they serve."""

import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from kafka import TopicPartition
from msgspec.structs import replace

from feature_store import recovery as recovering
from feature_store import refilling
from feature_store.archive import archive_log
from feature_store.archive_key import Archive
from feature_store.event_log import EventLog, FileEventLog, append_all
from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_log import KafkaEventLog
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.online import OnlineFeatures
from feature_store.online_answers import OnlineReader
from feature_store.packed_writer import PackedWriter
from feature_store.recovery import Recovery, Sources
from feature_store.redis_client import RedisPlace
from feature_store.redis_online import RedisOnlineFeatures
from feature_store.redis_writer import PackedRedisWriter
from feature_store.stream import Stream, catch_up
from feature_store.stream_worker import Alone, Pass, work
from feature_store.windows import DAY, Window
from finmodel.errors import FinmodelError, NotReady
from finmodel.events import Event, topic_of
from finmodel.lender.simulated import Lender
from tests.feature_store.kafka import admin, forget_topics, open_log
from tests.feature_store.test_stream import PLANS as SHORT
from tests.feature_store.test_stream import service_of, writer_at

CUSTOMERS = 100
IDS = np.arange(1, CUSTOMERS + 1)
LONG = Window(90 * DAY, DAY)
PLANS = [
    replace(plan, aggregates=tuple({replace(one, window=LONG): 0 for one in plan.aggregates}))
    for plan in SHORT
]
"""Every event counts, however old: what is left out is seen."""
SERVICE = service_of(PLANS)
TOPICS = [plan.topic for plan in PLANS]
NAMES = dict(zip(TOPICS, TOPICS, strict=True))
ALONE = Alone().synced


@pytest.fixture(scope="module")
def happened() -> list[Event]:
    lender = Lender(customers=CUSTOMERS, days=60, seed=8, late_share=0.1, twice_share=0.1)
    return [event for event in lender.events() if topic_of(event) in TOPICS]


@pytest.fixture(scope="module")
def as_of(happened) -> datetime:
    return max(event.known_at for event in happened)


@pytest.fixture(scope="module")
def wanted(happened, as_of, tmp_path_factory) -> np.ndarray:
    """What a store that never lost anything serves."""
    folder = tmp_path_factory.mktemp("wanted")
    with FileEventLog(folder / "events", write=True) as log:
        append_all(log, happened)
        catch_up(log, writer_at(folder / "online"), PLANS)
    return matrix(OnlineFeatures(folder / "online"), as_of)


def matrix(online: OnlineReader, as_of: datetime) -> np.ndarray:
    return online.fetch(IDS, SERVICE, as_of).matrix


def archive_at(folder: Path) -> Archive:
    (folder / "archive").mkdir(exist_ok=True)
    return Archive(folder / "archive", bytes(range(32)))


def recovery(log: EventLog, writer, archive: Archive | None = None, told: list | None = None):
    calls = [] if told is None else told
    return Recovery(log, writer, PLANS, Sources(archive, lambda: calls.append("batch views")))


def forget(broker, log: EventLog, upto: dict[str, tuple[int, ...]]) -> None:
    """Have the broker keep nothing before some offsets."""
    asked = {TopicPartition(t, n): at for t, ends in upto.items() for n, at in enumerate(ends)}
    with admin(broker) as client:
        client.delete_records(asked)
    assert {t: log.begin_offsets(t) for t in upto} == upto


def test_a_new_store_serves_when_it_has_what_the_log_holds(happened, as_of, wanted, tmp_path):
    online, writer, told = OnlineFeatures(tmp_path / "map"), writer_at(tmp_path / "map"), []
    with FileEventLog(tmp_path / "events", write=True) as log:
        append_all(log, happened)
        mine = recovery(log, writer, told=told)
        mine.begin(None, ALONE)
        assert told == ["batch views"]
        with pytest.raises(NotReady, match="is being rebuilt; wait: `finmodel stream`"):
            matrix(online, as_of)
        mine.end_if_whole()
        assert not mine.look()
        catch_up(log, writer, PLANS[:1])
        mine.end_if_whole()
        with pytest.raises(NotReady, match="is being rebuilt"):  # one view is still behind
            matrix(online, as_of)
        catch_up(log, writer, PLANS)
        mine.end_if_whole()
        assert mine.look()
        np.testing.assert_array_equal(matrix(online, as_of), wanted)
        mine.begin(None, ALONE)
        assert mine.look()
        assert told == ["batch views"]


def test_where_nothing_ever_happened_nothing_is_marked(tmp_path):
    writer = writer_at(tmp_path / "map")
    with FileEventLog(tmp_path / "events", write=True) as log:
        mine = recovery(log, writer, archive_at(tmp_path))
        mine.begin(None, ALONE)
        assert mine.look()
        assert writer.rebuilding() is None
    # Its windows are known to be empty, as a training frame has them.
    counts = [name for name in SERVICE.names if "count" in name]
    found = matrix(OnlineFeatures(tmp_path / "map"), datetime(2024, 3, 1, tzinfo=UTC))
    assert (found[:, [SERVICE.names.index(name) for name in counts]] == 0).all()


def test_a_store_that_is_only_behind_the_log_serves_on(happened, as_of, tmp_path):
    writer = writer_at(tmp_path / "map")
    with FileEventLog(tmp_path / "events", write=True) as log:
        append_all(log, happened[:100])
        catch_up(log, writer, PLANS)
        synced = {(t, n): end for t in TOPICS for n, end in enumerate(log.end_offsets(t))}
        append_all(log, happened[100:])
        recovery(log, writer).begin(None, lambda places: synced)
        assert matrix(OnlineFeatures(tmp_path / "map"), as_of).any()


def test_a_map_put_back_to_an_older_copy_serves_when_it_is_where_it_was(
    happened, as_of, wanted, tmp_path
):
    folder = tmp_path / "map"
    with FileEventLog(tmp_path / "events", write=True) as log:
        half = len(happened) // 2
        append_all(log, happened[:half])
        catch_up(log, writer_at(folder), PLANS)
        open_map(MapPlace(folder, 0.2)).close()
        shutil.copytree(folder, tmp_path / "copy")
        append_all(log, happened[half:])
        catch_up(log, writer_at(folder), PLANS)
        synced = {(t, n): end for t in TOPICS for n, end in enumerate(log.end_offsets(t))}
        open_map(MapPlace(folder, 0.2)).close()
        shutil.rmtree(folder)
        (tmp_path / "copy").rename(folder)
        online, mine = OnlineFeatures(folder), recovery(log, writer_at(folder))
        mine.begin(None, lambda places: {place: synced[place] for place in places})
        with pytest.raises(NotReady, match="is being rebuilt"):
            matrix(online, as_of)
        catch_up(log, writer_at(folder), PLANS)
        mine.end_if_whole()
        np.testing.assert_array_equal(matrix(online, as_of), wanted)


def test_who_has_not_the_first_partition_waits_for_who_has(happened, tmp_path):
    writer, told = writer_at(tmp_path / "map"), []
    with FileEventLog(tmp_path / "events", write=True) as log:
        append_all(log, happened)
        second = recovery(log, writer, told=told)
        for _ in range(2):
            with pytest.raises(NotReady, match="the worker that has partition 0 rebuilds it"):
                second.begin(frozenset({1, 3}), ALONE)
            assert writer.rebuilding() is None
        recovery(log, writer, told=told).begin(frozenset({0, 2}), ALONE)
        second.begin(frozenset({1, 3}), ALONE)
        assert told == ["batch views"]
        assert not second.look()


@pytest.mark.servers
def test_what_kafka_forgot_comes_from_the_archive_once_though_killed(
    broker, happened, as_of, wanted, tmp_path, monkeypatch
):
    """Two thirds are archived, the broker keeps a little before their end, the map is gone."""
    archive, third = archive_at(tmp_path), len(happened) // 3
    forget_topics(broker)
    with open_log(broker) as log:
        for topic in TOPICS:
            log.create(topic, 4)
        for begin in (0, third):
            append_all(log, happened[begin : begin + third])
            archive_log(log, archive, at_least=1)
        archived = {topic: log.end_offsets(topic) for topic in TOPICS}
        append_all(log, happened[2 * third :])
        forget(
            broker, log, {t: tuple(end * 4 // 5 for end in ends) for t, ends in archived.items()}
        )
        writer = writer_at(tmp_path / "map")
        monkeypatch.setattr(refilling, "PIECE", 20)
        for after in (1, 7, 2):
            with monkeypatch.context() as some:
                _die_after(some, after)
                with pytest.raises(KeyboardInterrupt):
                    recovery(log, writer, archive).begin(None, ALONE)
        mine = recovery(log, writer, archive, told := [])
        monkeypatch.setattr(recovering, "WORK_SECONDS", 0.0)
        slices = 1
        while not mine.begin(None, ALONE):
            slices += 1
        assert slices > 5
        assert told == ["batch views"]
        counted = catch_up(log, writer, PLANS)
        mine.end_if_whole()
    assert sum(one.lost for one in counted) == 0
    np.testing.assert_array_equal(matrix(OnlineFeatures(tmp_path / "map"), as_of), wanted)


def _die_after(some: pytest.MonkeyPatch, pieces: int) -> None:
    write, left = PackedWriter.write_parts, iter(range(pieces, -1, -1))

    def deadly(self, *told):
        if next(left) == 0:
            raise KeyboardInterrupt
        return write(self, *told)

    some.setattr(PackedWriter, "write_parts", deadly)


@pytest.mark.servers
def test_a_topic_that_grew_and_was_made_anew_comes_back_whole(
    broker, happened, as_of, wanted, tmp_path
):
    """Customers move between partitions, and to another topic of the same name."""
    archive, third = archive_at(tmp_path), len(happened) // 3
    forget_topics(broker)
    with open_log(broker) as log:
        for topic in TOPICS:
            log.create(topic, 3)
        append_all(log, happened[:third])
        archive_log(log, archive, at_least=1)
        with admin(broker) as client:
            client.create_partitions(dict.fromkeys(TOPICS, 5))
    with open_log(broker) as log:
        append_all(log, happened[third : 2 * third])
        archive_log(log, archive, at_least=1)
    forget_topics(broker)
    with open_log(broker) as log:
        for topic in TOPICS:
            log.create(topic, 2)
        append_all(log, happened[2 * third :])
        mine = recovery(log, writer_at(tmp_path / "map"), archive)
        mine.begin(None, ALONE)
        catch_up(log, writer_at(tmp_path / "map"), PLANS)
        mine.end_if_whole()
    np.testing.assert_array_equal(matrix(OnlineFeatures(tmp_path / "map"), as_of), wanted)


@pytest.mark.servers
@pytest.mark.parametrize("quiet", [False, True])
def test_a_redis_that_is_emptied_under_a_worker_is_filled_by_it_and_serves_only_then(
    broker, empty_redis, happened, as_of, wanted, tmp_path, quiet
):
    archive, half = archive_at(tmp_path), len(happened) // 2
    place = RedisPlace(empty_redis.address, "finmodel")
    online, told = RedisOnlineFeatures(place), []
    forget_topics(broker)
    with open_log(broker) as log:
        for topic in TOPICS:
            log.create(topic, 4)
        append_all(log, happened[:half])
        archive_log(log, archive, at_least=1)
        ends = {topic: log.end_offsets(topic) for topic in TOPICS}
        ended, passes, worker = _worker(log, place, archive, told)
        _until(lambda: np.isfinite(matrix(online, as_of)).any())
        forget(broker, log, ends)
        empty_redis.say("FLUSHALL")
        if quiet:  # it is filled though nothing comes that would have to be written
            _until(lambda: np.isfinite(matrix(online, as_of)).any())
        append_all(log, happened[half:])
        # Never anything between nothing and all that was known before.
        _until(lambda: len(passes) > 1 and np.isfinite(matrix(online, as_of)).any())
        first = matrix(online, as_of)
        _until(lambda: np.array_equal(matrix(online, as_of), wanted, equal_nan=True))
        ended.set()
        worker.join(30)
    logins = SERVICE.names.index("login_0_count_30d")
    assert first[:, logins].sum() >= 0.3 * wanted[:, logins].sum() > 100
    assert told == ["batch views"] * 2


def _worker(
    log: KafkaEventLog, place: RedisPlace, archive: Archive, told: list
) -> tuple[threading.Event, list[Pass], threading.Thread]:
    """A worker in a thread, with a log of its own, until the event is set."""
    ended, passes = threading.Event(), list[Pass]()

    def run() -> None:
        writer = PackedRedisWriter(place)
        with (
            KafkaEventLog(log.settings) as own,
            KafkaGroup(log.settings, f"recovers-{time.time_ns()}", names=NAMES) as member,
        ):
            work(
                lambda: Stream(own, writer, PLANS),
                own,
                member,
                recovery=recovery(own, writer, archive, told),
                stop=ended.is_set,
                tell=passes.append,
            )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return ended, passes, thread


def _until(true) -> None:
    late = time.monotonic() + 60
    while time.monotonic() < late:
        try:
            if true():
                return
        except FinmodelError:
            pass
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_a_map_that_is_deleted_under_a_worker_is_filled_again(happened, as_of, wanted, tmp_path):
    folder, ended, whole = tmp_path / "map", threading.Event(), list[bool]()
    with FileEventLog(tmp_path / "events", write=True) as log:
        append_all(log, happened)

    def run() -> None:
        own, writer = FileEventLog(tmp_path / "events"), writer_at(folder)
        work(
            lambda: Stream(own, writer, PLANS),
            own,
            Alone(),
            recovery=recovery(own, writer),
            stop=ended.is_set,
            tell=lambda one: whole.append(one.whole),
        )

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    online = OnlineFeatures(folder)
    _until(lambda: np.array_equal(matrix(online, as_of), wanted, equal_nan=True))
    shutil.rmtree(folder)
    _until(lambda: (folder / "data.mdb").exists())
    _until(lambda: np.array_equal(matrix(OnlineFeatures(folder), as_of), wanted, equal_nan=True))
    ended.set()
    worker.join(30)
    assert whole[-1]
