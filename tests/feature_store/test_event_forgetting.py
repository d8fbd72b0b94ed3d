"""A forgotten event leaves its offset and nothing else; every other event stays where it is."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store.event_forgetting import forget_in_log, held_in_log
from feature_store.event_log import FileEventLog
from finmodel.behaviours import LoggedIn
from finmodel.clock import parse_time
from finmodel.errors import NotReady

TOPIC = "app.login.v1"
AT = parse_time("2026-03-01T23:30:00+00:00")
EVENTS = st.lists(st.lists(st.sampled_from([7, 70, 77]), min_size=1, max_size=5), max_size=6)


def login(number, who):
    return LoggedIn(
        event_id=f"e-{number}", customer_id=who, occurred_at=AT, known_at=AT, channel="app",
        status="success",
    )  # fmt: skip


def read(folder):
    log = FileEventLog(folder)
    return {
        (partition, int(offset)): event
        for partition in range(log.partitions)
        for batch in log.read(TOPIC, partition)
        for offset, event in zip(batch.offsets, batch.events(), strict=True)
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=EVENTS)
def test_others_keep_their_offsets_and_a_log_goes_on(appends, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    with FileEventLog(folder, write=True) as log:
        for part in appends:
            log.append(TOPIC, [login(n, who) for n, who in enumerate(part)])
        with pytest.raises(NotReady, match="another process writes"):
            forget_in_log(folder, 7)
    before, ends = read(folder), FileEventLog(folder).end_offsets(TOPIC)
    count = sum(part.count(7) for part in appends)
    found = held_in_log(folder, 7)
    assert found.count == count
    assert [str(day) for day in found.newest.values()] == ["2026-03-02"] * bool(count)  # in China
    assert (forget_in_log(folder, 7), forget_in_log(folder, 7)) == (count, 0)
    assert read(folder) == {at: one for at, one in before.items() if one.customer_id != 7}
    assert FileEventLog(folder).end_offsets(TOPIC) == ends
    with FileEventLog(folder, write=True) as log:
        log.append(TOPIC, [login(99, 7)])
    assert held_in_log(folder, 7).count == 1


def test_where_there_is_no_log_nothing_is_held(tmp_path):
    assert (held_in_log(tmp_path, 7).count, forget_in_log(tmp_path, 7)) == (0, 0)
