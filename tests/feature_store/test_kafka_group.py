"""Workers that share a real Kafka's partitions: they come, go, are killed, return, are denied."""

import logging
import subprocess
import sys
import time

import pytest
from kafka import KafkaConsumer
from kafka.admin import ResourceType
from kafka.consumer import fetcher

from benchmarks._kafka_broker import ADMIN, running
from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_settings import KafkaSettings
from finmodel.errors import BadInput, NotReady, Refused
from tests.feature_store.kafka import SOON, admin, deny, make_topics
from tests.feature_store.test_kafka_log import USERS, login, one_sentence

pytestmark = pytest.mark.servers

FAST = {"session_timeout_ms": 1_000, "metadata_max_age_ms": 300}
PATIENCE = 20


@pytest.fixture(scope="module")
def topics(broker):
    """Two of eight partitions; the tests of one topic that changes make their own."""
    names = ("group.one", "group.two")
    make_topics(broker, 8, *names)
    return names


def worker(broker, group, topics, instance="", **options):
    settings = KafkaSettings(broker.address, {**FAST, **options})
    return KafkaGroup(settings, group, instance, dict(zip(topics, topics, strict=True)))


def asked(groups, until):
    """What each owns once that is as it should be; on the way no two own the same."""
    late = time.monotonic() + PATIENCE
    owned = {name: frozenset() for name in groups}
    while not until(owned):
        for name, group in groups.items():
            owned[name] = group.owned()
            assert len(frozenset().union(*owned.values())) == sum(map(len, owned.values()))
        assert time.monotonic() < late, owned
    return owned


def whole(owned):
    return sum(map(len, owned.values())) == 8


def even(*sizes):
    return lambda owned: sorted(map(len, owned.values())) == sorted(sizes)


def test_one_two_three_and_two_again_share_all_and_move_no_more_than_they_must(
    broker, topics, monkeypatch
):
    monkeypatch.setattr(fetcher, "FetchRequest", None)  # who reads nothing needs none
    groups = {"a": worker(broker, "sharing", topics)}
    one = asked(groups, whole)
    assert one == {"a": frozenset(range(8))}
    groups["b"] = worker(broker, "sharing", topics)
    two = asked(groups, even(4, 4))
    groups["c"] = worker(broker, "sharing", topics)
    three = asked(groups, even(3, 3, 2))
    for name in ("a", "b"):
        assert three[name] < two[name]
    groups.pop("a").close()
    left = asked(groups, even(4, 4))
    for name in ("b", "c"):
        assert left[name] > three[name]
    for group in groups.values():
        group.close()


WORKER = """
import sys, time
from feature_store.kafka_group import KafkaGroup
from feature_store.kafka_settings import KafkaSettings

address, group, instance, *topics = sys.argv[1:]
settings = KafkaSettings(address, {"session_timeout_ms": 1_000})
with KafkaGroup(settings, group, instance, dict(zip(topics, topics))) as member:
    while True:
        print(len(member.owned()), flush=True)
        time.sleep(0.02)
"""


def started(broker, group, topics, instance=""):
    command = [sys.executable, "-c", WORKER, broker.address, group, instance, *topics]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_the_numbers_of_one_that_is_killed_are_taken_over(broker, topics):
    process = started(broker, "killing", topics)
    try:
        while process.stdout.readline().strip() != "8":
            pass
        with worker(broker, "killing", topics) as group:
            assert len(asked({"a": group}, even(4))["a"]) == 4
            process.kill()
            process.wait()
            asked({"a": group}, whole)
    finally:
        process.kill()
        process.wait()


def test_one_with_a_name_returns_to_its_numbers_and_nobody_else_is_asked(broker, topics):
    kept = {name: worker(broker, "static", topics, name, session_timeout_ms=4_000) for name in "ab"}
    before = asked(kept, even(4, 4))
    kept["a"].close()
    again = {"a": worker(broker, "static", topics, "a", session_timeout_ms=4_000)}
    assert asked(again, even(4))["a"] == before["a"]  # a new share would have waited for b
    assert kept["b"].owned() == before["b"]
    assert kept["b"].commit({("group.one", min(before["b"])): 1})
    for group in (again["a"], kept["b"]):
        group.close()


def test_of_two_with_one_name_the_earlier_is_refused(broker, topics):
    with worker(broker, "twins", topics, "x") as earlier:
        asked({"a": earlier}, whole)
        with worker(broker, "twins", topics, "x") as later:
            asked({"b": later}, whole)
            with pytest.raises(Refused, match="group twins, x: another process has") as error:
                asked({"a": earlier}, lambda _: False)
            assert one_sentence(error)
            with pytest.raises(Refused, match="give each worker a name of its own"):
                earlier.owned()
            assert later.owned() == frozenset(range(8))


def test_who_is_busy_for_longer_than_a_session_stays_and_takes_the_answer_later(broker, topics):
    """Each is at work when the group answers it: 1.1 s, of a session of 1 s."""
    with worker(broker, "busy", topics) as a, worker(broker, "busy", topics) as b:
        asked({"a": a}, whole)
        b.owned()  # in vain: a is at work
        for _ in range(2):
            owned = []
            for group in (a, b):
                owned.append(len(group.owned()))
                time.sleep(1.1)
        assert owned == [4, 4]
        with admin(broker) as client:
            found = client.describe_groups(["busy"])["busy"]
        assert (found["group_state"], len(found["members"])) == ("Stable", 2)


def test_who_asks_no_more_leaves_and_may_come_again(broker, topics):
    """Alive, and sending heartbeats, but hung: the others need not wait for it for ever."""
    with (
        worker(broker, "hung", topics, max_poll_interval_ms=1_000) as a,
        worker(broker, "hung", topics) as b,
    ):
        asked({"a": a, "b": b}, even(4, 4))
        asked({"b": b}, whole)
        asked({"a": a, "b": b}, even(4, 4))


def test_what_is_committed_is_there_for_who_watches_the_lag(broker, topics):
    with worker(broker, "lag", topics) as a, worker(broker, "lag", topics) as b:
        assert not a.commit({("group.one", 0): 1})  # no member yet
        both = {"a": a, "b": b}
        owned = asked(both, even(4, 4))
        one, two = ({("group.one", n): 10 + n for n in owned[name]} for name in both)
        asked(both, lambda _: a.commit(one) and b.commit(two))
        assert a.commit({})
        assert not a.commit({**one, **dict.fromkeys(two, 99)})
        assert not a.commit({("group.none", min(owned["a"])): 1})
        with admin(broker) as client:
            noted = client.list_group_offsets("lag")["lag"]
    assert {tuple(place): found.offset for place, found in noted.items()} == {**one, **two}


def test_topics_that_come_later_and_topics_that_grow_are_shared_out(broker):
    names = ("group.later", "group.growing")
    with admin(broker) as client:
        client.delete_topics([name for name in client.list_topics() if name in names])
    with worker(broker, "growing", names, "a", session_timeout_ms=8_000) as group:
        assert group.owned() == frozenset()
        make_topics(broker, 4, "group.growing")
        assert asked({"a": group}, even(4))["a"] == frozenset(range(4))
        make_topics(broker, 4, "group.later")
        late = time.monotonic() + PATIENCE
        while not group.commit({("group.later", 3): 0}):
            group.owned()
            assert time.monotonic() < late
    # A leader that returned under its name: the broker's leader, which does not know it.
    with worker(broker, "growing", names, "a", session_timeout_ms=8_000) as group:
        asked({"a": group}, even(4))
        with admin(broker) as client:
            client.create_partitions({"group.growing": 8})
        asked({"a": group}, whole)


def test_a_broker_that_is_gone_is_not_ready_and_the_group_goes_on_after(broker, topics):
    with worker(broker, "gone", topics, **SOON, reconnect_backoff_max_ms=200) as group:
        asked({"a": group}, whole)
        broker.kill()
        try:
            with pytest.raises(NotReady, match="group gone: it does not answer; see") as error:
                asked({"a": group}, lambda _: False)
            assert one_sentence(error)
            with pytest.raises(NotReady, match="it does not answer"):
                group.commit({("group.one", 0): 1})
        finally:
            broker.start()
        asked({"a": group}, lambda owned: whole(owned) and group.commit({("group.one", 0): 1}))


def test_who_may_not_join_is_refused_and_a_hidden_topic_is_no_topic(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with running(tmp_path, users=USERS, brief=True) as broker:
        make_topics(broker, 8, "group.one", "group.two", **login(ADMIN))
        deny(broker, "app", "denied", ResourceType.GROUP, **login(ADMIN))
        deny(broker, "app", "group.two", **login(ADMIN))
        topics = ("group.one", "group.two")
        with worker(broker, "denied", topics, **login("app")) as group:
            with pytest.raises(Refused, match="group denied: the broker does not allow") as error:
                asked({"a": group}, lambda _: False)
            assert one_sentence(error)
        with pytest.raises(Refused, match="who we say we are; mend the sasl_"):
            worker(broker, "g", topics, **login("app", sasl_plain_password="other"))
        with worker(broker, "allowed", topics, **login("app")) as group:
            asked({"a": group}, whole)
            assert group.commit({("group.one", 0): 1})
            deny(broker, "app", "allowed", ResourceType.GROUP, **login(ADMIN))
            with pytest.raises(Refused, match="group allowed: the broker does not allow"):
                asked({"a": group}, lambda _: not group.commit({("group.one", 0): 2}))
            with pytest.raises(Refused, match="group allowed: the broker does not allow"):
                asked({"a": group}, lambda _: False)
    assert "and-secret" not in caplog.text


def test_names_and_sessions_that_kafka_does_not_take_are_bad_input(broker, topics):
    for group, instance in (("", ""), ("a b", ""), ("g", ".."), ("g", "a/b"), ("g" * 250, "")):
        with pytest.raises(BadInput, match="it cannot be a name in Kafka"):
            worker(broker, group, topics, instance)
    with (
        worker(broker, "short", topics, session_timeout_ms=100) as group,
        pytest.raises(BadInput, match="mend session_timeout_ms"),
    ):
        asked({"a": group}, lambda _: False)


def test_a_group_of_other_programs_is_refused(broker, topics):
    other = KafkaConsumer(*topics, bootstrap_servers=broker.address, group_id="others")
    while not other.assignment():
        other.poll(100)
    with (
        worker(broker, "others", topics) as group,
        pytest.raises(Refused, match="members share out partitions by other rules"),
    ):
        asked({"a": group}, lambda _: False)
    other.close()
