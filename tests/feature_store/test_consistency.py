"""What is served against a simulated lender's log: the same, and what is planted is found."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks._redis_server import RedisServer
from feature_store import event_log, log_replay
from feature_store.consistency import check
from feature_store.consistency_report import Consistency, Difference, ViewCheck
from feature_store.consistency_sample import Sample, ranks_of
from feature_store.event_batch import Batch
from feature_store.event_log import FileEventLog, append_all
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.packed_keys import place_of
from feature_store.redis_client import RedisPlace
from feature_store.redis_writer import PackedRedisWriter
from feature_store.stored_sample import in_map, in_redis
from feature_store.stream import Stream, catch_up
from finmodel.errors import BadInput, Damaged
from finmodel.events import topic_of
from finmodel.lender.simulated import Lender
from tests.feature_store.kafka import admin, forget_topics, open_log
from tests.feature_store.map_values import key_of, put_value, values_in
from tests.feature_store.test_stream import PLANS, writer_at

CUSTOMERS = 300
FIRST = 1_000_000
"""Ids are such numbers that none is to be met by chance."""
ROWS = place_of("customer_id", "int64").name
REPAYMENT, LOGIN = (plan.topic for plan in PLANS)


def everybody() -> Sample:
    return Sample(1.0)


def far(event):
    return msgspec.structs.replace(event, customer_id=FIRST + event.customer_id)


@pytest.fixture(scope="module")
def told() -> list:
    lender = Lender(customers=CUSTOMERS, days=75, seed=3, late_share=0.1, twice_share=0.1)
    return [far(event) for event in lender.events()]


@pytest.fixture(scope="module")
def known(told) -> np.ndarray:
    """Of whom the two topics tell."""
    some = {one.customer_id for one in told if topic_of(one) in (REPAYMENT, LOGIN)}
    return np.array(sorted(some))


@pytest.fixture(scope="module")
def log(told, tmp_path_factory) -> FileEventLog:
    return written(tmp_path_factory.mktemp("events"), told)


@pytest.fixture(scope="module")
def whole(log, tmp_path_factory) -> Path:
    """Everything counted."""
    folder = tmp_path_factory.mktemp("whole") / "online"
    counted = catch_up(log, writer_at(folder), PLANS)
    assert all(one.late > 1 and one.repeated > 1 for one in counted), counted
    return folder


@pytest.fixture
def online(whole, tmp_path) -> Path:
    """The same, to be spoilt."""
    shutil.copytree(whole, tmp_path / "online")
    return tmp_path / "online"


def written(folder: Path, events: list) -> FileEventLog:
    with pytest.MonkeyPatch.context() as patch, FileEventLog(folder, write=True) as opened:
        patch.setattr(event_log, "CHUNK", 100)
        append_all(opened, events)
    return FileEventLog(folder)


def checked(log, online: Path, sample: Sample | None = None, plans=PLANS) -> Consistency:
    sample = sample or everybody()
    stored = in_map(MapPlace(online, 0.2), sample)
    return check(log, stored, plans, sample, lambda ids: ids * 0 + 0xABC)


@contextmanager
def keys_in(online: Path) -> Iterator[tuple]:
    """The map's own transaction, and its keys."""
    with open_map(MapPlace(online, 0.2)).writing({ROWS: True}) as (txn, (rows,)):
        yield txn, rows


def view(found: Consistency, name: str) -> ViewCheck:
    return next(one for one in found.views if one.view == name)


def a_busy_customer(told: list) -> int:
    ids = [event.customer_id for event in told if topic_of(event) == REPAYMENT]
    return max(set(ids), key=ids.count)


def test_all_that_is_served_is_what_the_log_says(log, whole, known):
    found = checked(log, whole, Sample(1.0))
    assert (found.differing, found.rate, found.customers) == (0, 0.0, len(known))
    assert len(known) > 200
    assert [one.view for one in found.views] == ["login", "repayment"]
    for one, plan in zip(found.views, reversed(PLANS), strict=True):
        assert one.features == one.customers * len(plan.aggregates) > 400
        assert one.left_out == 0
        assert not one.note


def test_half_way_through_only_what_was_counted_counts(log, tmp_path):
    """The log goes on after each batch, and customers are known in part."""
    stream = Stream(log, writer_at(tmp_path / "online"), PLANS)
    parts = [
        list(log.read(topic, partition)) for topic in (REPAYMENT, LOGIN) for partition in range(4)
    ]
    features = set()
    for some in (slice(0, 1), slice(1, 2), slice(2, 4)):
        stream.count([batch for part in parts for batch in part[some]])
        found = checked(log, tmp_path / "online")
        assert found.differing == 0
        features.add(found.features)
    assert len(features) > 1


def test_of_two_views_of_a_topic_one_may_be_behind(log, tmp_path):
    behind = msgspec.structs.replace(PLANS[0], view="behind", aggregates=PLANS[0].aggregates[:6])
    writer = writer_at(tmp_path / "online")
    Stream(log, writer, [behind]).count([next(log.read(REPAYMENT, n)).until(20) for n in range(4)])
    catch_up(log, writer, PLANS[:1])
    found = checked(log, tmp_path / "online", plans=[PLANS[0], behind])
    assert found.differing == 0
    assert 0 < view(found, "behind").customers < view(found, "repayment").customers


def test_few_rows_at_a_time_give_the_same(log, whole, monkeypatch):
    monkeypatch.setattr(log_replay, "GATHERED", 1)
    assert checked(log, whole) == checked(log, whole)
    assert checked(log, whole).differing == 0


def test_an_event_that_was_changed_is_found(told, whole, tmp_path):
    victim = a_busy_customer(told)
    at = max(
        n
        for n, event in enumerate(told)
        if event.customer_id == victim and topic_of(event) == REPAYMENT
    )
    changed = msgspec.structs.replace(told[at], amount_minor=told[at].amount_minor + 100)
    same_id = [n for n, event in enumerate(told) if event.event_id == told[at].event_id]
    other = list(told)
    for n in same_id:
        other[n] = msgspec.structs.replace(told[n], amount_minor=changed.amount_minor)
    found = checked(written(tmp_path / "events", other), whole)
    repayment = view(found, "repayment")
    assert (repayment.differing, repayment.missing, repayment.extra) == (1, 0, 0)
    assert view(found, "login").differing == 0
    assert found.rate == 1 / found.vectors
    sums = [one for one in repayment.differences if "_sum_" in one.feature]
    assert {one.recomputed - one.served for one in sums} == {100.0}
    assert {(one.kind, one.customer) for one in repayment.differences} == {
        ("mismatch", "0000000000000abc")
    }
    assert str(victim) not in str(found)


def test_a_wrong_tile_that_holds_together_is_found(log, told, online, tmp_path):
    """Another customer's repayments, counted by the store's own writer."""
    victim = a_busy_customer(told)
    other = [
        msgspec.structs.replace(event, amount_minor=event.amount_minor + 1)
        if event.customer_id == victim and topic_of(event) == REPAYMENT
        else event
        for event in told
    ]
    catch_up(written(tmp_path / "events", other), writer_at(tmp_path / "wrong"), PLANS)
    wrong = values_in(MapPlace(tmp_path / "wrong", 0.2))[key_of(victim)]
    put_value(MapPlace(online, 0.2), victim, wrong)
    found = checked(log, online)
    repayment = view(found, "repayment")
    assert (found.differing, repayment.differing, repayment.missing) == (1, 1, 0)
    assert 0 < repayment.mismatches < len(PLANS[0].aggregates)
    assert all("count" not in one.feature for one in repayment.differences)


def test_a_customer_whose_value_is_gone_is_missing(log, told, online):
    with keys_in(online) as (txn, rows):
        txn.delete(key_of(a_busy_customer(told)), db=rows)
    found = checked(log, online)
    assert [one.missing for one in found.views] == [1, 1]
    assert found.differing == 2
    assert view(found, "login").differences == [Difference("login", "missing", "0000000000000abc")]


def test_a_customer_of_whom_the_log_says_nothing_is_extra(log, told, known, online):
    place = MapPlace(online, 0.2)
    put_value(place, FIRST - 1, values_in(place)[key_of(a_busy_customer(told))])
    found = checked(log, online)
    assert [(one.extra, one.mismatches) for one in found.views] == [(1, 0), (1, 0)]
    assert found.customers == len(known) + 1


def test_everyone_is_missing_where_the_values_are_gone_and_the_positions_are_not(log, online):
    with keys_in(online) as (txn, rows):
        txn.drop(rows, delete=False)
    found = checked(log, online, Sample(1.0, least=1, most=10))
    assert found.customers == 10
    assert found.rate == 1.0


class Forgetful:
    """A log that no longer has its first events, as Kafka's retention leaves it."""

    def __init__(self, log: FileEventLog, share: float) -> None:
        self.log, self.share = log, share

    def __getattr__(self, name):
        return getattr(self.log, name)

    def read(self, topic: str, partition: int, from_offset: int = 0) -> Iterator[Batch]:
        begins = int(self.log.end_offsets(topic)[partition] * self.share)
        return self.log.read(topic, partition, max(from_offset, begins))


def test_where_the_log_has_forgotten_only_what_it_still_says_is_compared(log, whole, online, told):
    found = checked(Forgetful(log, 0.4), whole)
    assert found.differing == 0
    for one in found.views:
        assert one.left_out > 100
        assert one.features > 100
        assert "the log begins at offset" in one.note
    with keys_in(online) as (txn, rows):
        txn.delete(key_of(told[-1].customer_id), db=rows)
    assert checked(Forgetful(log, 0.4), online).differing > 0
    gone = checked(Forgetful(log, 1.0), whole)
    assert (gone.features, gone.differing) == (0, 0)


def test_a_log_that_ends_before_what_was_counted_is_told(told, whole, tmp_path):
    short = written(tmp_path / "events", told[: len(told) // 2])
    with pytest.raises(Damaged, match=r"view \w+: it was counted to offset \d+ .* the log ends at"):
        checked(short, whole)


def test_a_topic_made_anew_and_a_view_never_counted_are_said_and_not_compared(log, whole):
    log = FileEventLog(log._folder)
    log.topic_number = lambda topic: int(topic == LOGIN)
    other = msgspec.structs.replace(PLANS[0], aggregates=PLANS[0].aggregates[:4])
    found = checked(log, whole, plans=[other, PLANS[1]])
    assert found.vectors == 0
    assert "earlier topic of this name" in view(found, "login").note
    assert "never counted as it is defined now" in view(found, "repayment").note


def test_the_same_customers_are_sampled_each_time(log, whole, known):
    ranked = known[np.argsort(ranks_of(known))]
    for sample, wanted in ((Sample(0.01, 20, 50), 20), (Sample(0.5, 20, 30), 30)):
        found = checked(log, whole, sample)
        assert found.customers == wanted
        assert set(known[sample.holds(known)]) == set(ranked[:wanted])


@pytest.mark.parametrize("order", [1, -1])
def test_a_sample_is_the_same_however_it_is_met(order):
    ids = np.arange(100_000)
    for share, least, most, wanted in ((0.01, 10, 5_000, 1_000), (0.5, 10, 300, 300)):
        sample = Sample(share, least, most)
        for some in np.array_split(ids[::order], 77):
            sample.meet(some)
        assert sample.holds(ids).sum() == pytest.approx(wanted, rel=0.1)
        assert set(ids[sample.holds(ids)]) <= set(ids[np.argsort(ranks_of(ids))[:most]])


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_no_share_is_refused(share):
    with pytest.raises(BadInput, match="give a share above 0, up to 1"):
        Sample(share)


@pytest.mark.servers
def test_redis_is_checked_alike(log, known, empty_redis: RedisServer):
    place = RedisPlace(empty_redis.address, "finmodel")
    writer = PackedRedisWriter(place)
    writer.apply({}, [])
    catch_up(log, writer, PLANS, partitions=(0, 1))
    found = []
    for _ in range(2):
        sample = everybody()
        stored = in_redis(place, sample)
        # What a writer did and did not note yet, the sections themselves say.
        stored = replace(stored, positions={at: n - 9 for at, n in stored.positions.items()})
        found.append(check(log, stored, PLANS, sample, lambda ids: ids * 0))
        catch_up(log, writer, PLANS)
    assert [one.differing for one in found] == [0, 0]
    assert 0 < found[0].customers < found[1].customers == len(known)


@pytest.mark.servers
def test_kafka_whose_topic_grew_under_the_stream(told, broker, tmp_path):
    """Customers move to other partitions; what they did comes by two roads."""
    logins = [one for one in told if topic_of(one) == LOGIN]
    half, online = len(logins) // 2, tmp_path / "online"
    forget_topics(broker)
    with open_log(broker) as kafka:
        kafka.create(LOGIN, 2)
        kafka.append(LOGIN, logins[:half])
        catch_up(kafka, writer_at(online), PLANS[1:])
    with admin(broker) as client:
        client.create_partitions({LOGIN: 4})
    with open_log(broker) as kafka:
        kafka.append(LOGIN, logins[half:])
        before = checked(kafka, online)
        catch_up(kafka, writer_at(online), PLANS[1:])
        after = checked(kafka, online)
    assert (before.differing, after.differing) == (0, 0)
    assert 0 < before.features < after.features
    assert after.customers == len({one.customer_id for one in logins})
    repayment = view(after, "repayment")
    assert "never counted" in repayment.note


def test_an_event_that_was_known_at_once_is_compared_too(told, tmp_path):
    """As of the customer's clock itself no window would hold it."""
    last = max((one for one in told if topic_of(one) == REPAYMENT), key=lambda one: one.known_at)
    at_once = msgspec.structs.replace(last, event_id="last", occurred_at=last.known_at)
    other = msgspec.structs.replace(at_once, amount_minor=at_once.amount_minor + 1)
    catch_up(written(tmp_path / "events", [*told, at_once]), writer_at(tmp_path / "online"), PLANS)
    found = checked(written(tmp_path / "others", [*told, other]), tmp_path / "online")
    assert view(found, "repayment").differing == 1
