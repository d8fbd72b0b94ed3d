"""`finmodel consistency`: what it compared, what it found, and with what code it ends."""

import msgspec
import numpy as np
import pytest

from feature_store import store
from feature_store.event_log import FileEventLog, append_all
from feature_store.lmdb_map import MapPlace, open_map
from feature_store.packed_keys import keys_of, place_of
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.lender.simulated import Lender
from finmodel.settings import Settings
from serving.consistency import check_consistency, tell_apart
from serving.streaming import Source, run_stream
from tests.feature_store.kafka import forget_topics, open_log, write
from tests.feature_store.small_home import small_settings
from tests.serving.demo_shell import Shell

FIRST = 770_000
"""Ids are such numbers that none is to be met by chance."""
LOGIN = "app.login.v1"


def events() -> list:
    lender = Lender(customers=40, days=60, seed=4, late_share=0.1, twice_share=0.1)
    return [msgspec.structs.replace(e, customer_id=FIRST + e.customer_id) for e in lender.events()]


def put(settings: Settings, some: list) -> None:
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, some)


def stream(settings: Settings, source: Source) -> None:
    run_stream(settings, source, lambda told: None, once=True)


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home whose events were counted, and whose log went on."""
    settings, told = small_settings(tmp_path_factory.mktemp("consistency") / "home"), events()
    store.apply(settings)
    put(settings, told[:-100])
    stream(settings, Source())
    put(settings, told[-100:])
    return settings


def test_a_shell_sees_that_nothing_differs_though_the_log_went_on(settings):
    answer = Shell(settings.home, 3000).finmodel("consistency", "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    assert (found["differing"], found["rate"], found["customers"]) == (
        0,
        0,
        len({one.customer_id for one in events()[:-100]}),
    )
    assert found["features"] > 2_000
    assert len(found["views"]) == 11
    assert "check app.login.v1: " in answer.err


def test_a_share_of_nobody_and_a_map_without_kafka_are_refused(settings, tmp_path):
    with pytest.raises(BadInput, match="give a share above 0, up to 1"):
        check_consistency(settings, Source(), 0.0)
    with pytest.raises(BadInput, match="it is for Kafka"):
        check_consistency(settings, Source(topics=tmp_path / "topics.yaml"), 0.5)


def test_before_anything_was_counted_nothing_is_proved(tmp_path):
    bare = small_settings(tmp_path / "home")
    store.apply(bare)
    put(bare, events()[:50])
    with pytest.raises(NotReady, match=r"nothing could be compared; .*run `finmodel stream`"):
        check_consistency(bare, Source(), 1.0)


@pytest.mark.servers
def test_kafka_is_checked_alike_and_what_is_no_event_is_passed_over(settings, broker, tmp_path):
    other, source = small_settings(tmp_path / "home"), Source(broker.address)
    store.apply(other)
    forget_topics(broker)
    with open_log(broker) as kafka:
        kafka.create(LOGIN, 2)
        kafka.append(
            LOGIN, [e for b in FileEventLog(settings.events).read(LOGIN, 0) for e in b.events()]
        )
    write(broker, LOGIN, b"{", None)
    stream(other, source)
    found = check_consistency(other, source, 1.0)
    tell_apart(found)
    assert found.features > 30


def test_a_wrong_and_a_missing_value_are_told_without_ids(settings):
    """Last, since it spoils the store: one customer has another's value, one has none."""
    rows = place_of("customer_id", "int64").name
    wrong, gone, right = keys_of("customer_id", np.arange(FIRST + 1, FIRST + 4))
    place = MapPlace(settings.online, settings.online_map_gb)
    with open_map(place).writing({rows: True}) as (txn, (handle,)):
        txn.put(wrong, txn.get(right, None, handle), db=handle)
        txn.delete(gone, db=handle)
    found = check_consistency(settings, Source(), 1.0)
    kinds = {line.kind for one in found.views for line in one.differences}
    assert {"mismatch", "missing"} <= kinds
    assert 0 < found.rate < 0.2
    with pytest.raises(Damaged, match=rf"{found.differing} of {found.vectors} sampled vectors"):
        tell_apart(found)
    answer = Shell(settings.home, 3000).finmodel("consistency")
    assert answer.code == 4
    assert "sampled vectors are not what the log says" in answer.err
    assert "mismatch" in answer.out
    assert str(FIRST)[:4] not in answer.out + answer.err + str(found)
