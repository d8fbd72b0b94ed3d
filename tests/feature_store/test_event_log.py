"""What every event log keeps (order by customer, offsets), asked of files and of a real Kafka.

And what the file log alone must: durability, one writer, damage.
"""

import itertools
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store import event_log
from feature_store.event_log import EventLog, FileEventLog, append_all, partition_of
from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.events import AccountStatusObserved, RepaymentReceived, StatementIssued
from tests.feature_store.kafka import CARD_TOPICS, empty_log

ROOT = Path(event_log.__file__).parent.parent
AT = datetime(2005, 9, 30, 20, tzinfo=UTC)
STATUS, REPAYMENT = "card.status.v1", "card.repayment.v1"


def status(customer, number=0, code=0):
    return AccountStatusObserved(
        event_id=f"s{customer}-{number}",
        customer_id=customer,
        occurred_at=AT,
        known_at=AT + timedelta(seconds=number),
        status_code=code,
    )


def repayment(customer, number=0):
    return RepaymentReceived(
        event_id=f"r{customer}-{number}",
        customer_id=customer,
        occurred_at=AT,
        known_at=AT,
        currency="TWD",
        amount_minor=100 + number,
    )


def statement(customer, number=0):
    return StatementIssued(
        event_id=f"t{customer}-{number}",
        customer_id=customer,
        occurred_at=AT,
        known_at=AT,
        currency="TWD",
        limit_minor=5_000_000,
        balance_minor=-number,
    )


def everything(log: EventLog, topic):
    batches = [b for p in range(log.partitions) for b in log.read(topic, p)]
    return [event for batch in batches for event in batch.events()]


@pytest.fixture(params=["files", pytest.param("kafka", marks=pytest.mark.servers)])
def log(request, tmp_path):
    """An empty log of four partitions."""
    if request.param == "files":
        opened = FileEventLog(tmp_path, write=True)
    else:
        opened = empty_log(request.getfixturevalue("broker"))
    with opened:
        yield opened


def test_an_empty_log_answers(log):
    assert (log.partitions, log.topics()) == (4, ())
    assert log.end_offsets(STATUS) == (0, 0, 0, 0)
    assert everything(log, STATUS) == list(log.read(STATUS, 0, 7)) == []
    assert log.append(STATUS, []) == 0
    assert log.topics() == ()


def test_every_type_comes_back_as_it_went(log):
    for topic, make in zip(CARD_TOPICS, (statement, repayment, status), strict=True):
        events = [make(customer, number) for customer in (0, 1, 2**63 - 1) for number in range(3)]
        assert log.append(topic, iter(events)) == 9
        assert sorted(everything(log, topic), key=events.index) == events
    assert log.topics() == CARD_TOPICS


def test_a_customers_events_stay_in_order_and_a_line_is_an_offset(log):
    events = [status(number % 7, number) for number in range(200)]
    for start in range(0, 200, 40):
        log.append(STATUS, events[start : start + 40])
    for partition, end in enumerate(log.end_offsets(STATUS)):
        mine = [event for event in events if partition_of(event.customer_id, 4) == partition]
        assert end == len(mine)
        for offset in {0, 1, end // 2, max(end - 1, 0), end, end + 5}:
            at = offset
            for batch in log.read(STATUS, partition, offset):
                assert (batch.topic, batch.partition) == (STATUS, partition)
                assert (batch.begin, batch.end) == (at, at + len(batch))
                assert batch.offsets.tolist() == list(range(at, batch.end))
                assert batch.events() == mine[at : batch.end]
                at = batch.end
            assert at == max(offset, end)


def test_topics_are_co_partitioned(log):
    log.append(STATUS, [status(customer) for customer in range(400)])
    log.append(REPAYMENT, [repayment(customer) for customer in range(400)])
    placed = [
        {
            partition: {e.customer_id for b in log.read(topic, partition) for e in b.events()}
            for partition in range(log.partitions)
        }
        for topic in (STATUS, REPAYMENT)
    ]
    assert log.topics() == (REPAYMENT, STATUS)
    assert placed[0] == placed[1]
    assert all(len(customers) > 60 for customers in placed[0].values())


def test_what_readers_would_refuse_is_not_written(log):
    for events in ([status(1), status(2, code=9)], [status(1), repayment(1)]):
        with pytest.raises(BadInput):
            log.append(STATUS, events)
    with pytest.raises(BadInput, match="no such topic"):
        list(log.read("card.status.v9", 0))
    for partition in (4, -1):
        with pytest.raises(BadInput, match=f"no partition {partition}"):
            list(log.read(STATUS, partition))
    assert log.topics() == ()


def test_many_events_of_all_topics_go_in_chunks(log, monkeypatch):
    monkeypatch.setattr(event_log, "CHUNK", 10)
    events = [e for c in range(25) for e in (status(c), repayment(c))]
    told = []
    done = append_all(log, events, lambda *step: told.append(step), total=50)
    assert done == 50
    assert {topic: sum(log.end_offsets(topic)) for topic in CARD_TOPICS} == {
        "card.statement.v1": 0,
        REPAYMENT: 25,
        STATUS: 25,
    }
    assert told[-1] == ("events", 50, 50)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert len(told) == 5


@settings(max_examples=40, deadline=None)
@given(
    appends=st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=6),
    partitions=st.integers(1, 5),
    segment=st.sampled_from([1, 300, 1 << 20]),
)
def test_a_log_is_what_was_appended(tmp_path_factory, appends, partitions, segment):
    """Against a plain list a partition: order, offsets, and reading on from any offset."""
    folder = tmp_path_factory.mktemp("log")
    numbers = itertools.count()
    model = [[] for _ in range(partitions)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_log, "SEGMENT_BYTES", segment)
        for customers in appends:  # each append by a writer of its own
            with FileEventLog(folder, partitions=partitions, write=True) as log:
                some = [status(customer, next(numbers)) for customer in customers]
                assert log.append(STATUS, some) == len(some)
            for event in some:
                model[partition_of(event.customer_id, partitions)].append(event)
        if not appends:
            return
    log = FileEventLog(folder)
    assert log.partitions == partitions
    assert log.end_offsets(STATUS) == tuple(map(len, model))
    for partition, expected in enumerate(model):
        for offset in range(len(expected) + 2):
            batches = list(log.read(STATUS, partition, offset))
            assert [e for batch in batches for e in batch.events()] == expected[offset:]
            at = offset
            for batch in batches:
                assert (batch.begin, batch.end) == (at, at + len(batch.events()))
                at = batch.end


def test_partitions_never_move():
    """Kafka producers must choose the same ones: crc32 of the id's decimal digits."""
    assert [partition_of(c, 8) for c in (0, 1, 42, 30_000, 2**63 - 1)] == [1, 7, 0, 5, 6]


def test_one_writes_and_others_read(tmp_path):
    with FileEventLog(tmp_path, write=True) as writer:
        writer.append(STATUS, [status(1)])
        reader = FileEventLog(tmp_path)
        with pytest.raises(NotReady, match="another process writes"):
            FileEventLog(tmp_path, write=True)
        assert everything(reader, STATUS) == [status(1)]
        writer.append(STATUS, [status(1, 1)])
        assert everything(reader, STATUS) == [status(1), status(1, 1)]
        with pytest.raises(NotReady, match="open it with write"):
            reader.append(STATUS, [status(2)])
    with FileEventLog(tmp_path, write=True) as next_writer:
        assert sum(next_writer.end_offsets(STATUS)) == 2


def test_a_reader_does_not_see_a_half_written_append(tmp_path):
    with FileEventLog(tmp_path, partitions=1, write=True) as log:
        log.append(STATUS, [status(1), status(2)])
    segment = next(tmp_path.glob(f"{STATUS}/0/*.log"))
    whole = segment.read_bytes()
    for size in range(len(whole)):
        segment.write_bytes(whole[:size])
        assert everything(FileEventLog(tmp_path), STATUS) == []
    with FileEventLog(tmp_path, partitions=1, write=True) as log:
        assert segment.stat().st_size == 0
        log.append(STATUS, [status(3)])
        assert everything(log, STATUS) == [status(3)]


def test_damage_is_named_and_nothing_is_cut(tmp_path):
    with FileEventLog(tmp_path, partitions=1, write=True) as log:
        log.append(STATUS, [status(1)])
        log.append(STATUS, [status(2)])
    segment = next(tmp_path.glob(f"{STATUS}/0/*.log"))
    data = bytearray(segment.read_bytes())
    data[60] ^= 1
    segment.write_bytes(data)
    with pytest.raises(Damaged, match="byte 0"):
        everything(FileEventLog(tmp_path), STATUS)
    with pytest.raises(Damaged):
        FileEventLog(tmp_path, partitions=1, write=True)
    assert segment.read_bytes() == data


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from feature_store.event_log import FileEventLog
from finmodel.events import AccountStatusObserved
at = datetime(2005, 9, 30, tzinfo=UTC)
with FileEventLog(Path(sys.argv[1]), write=True) as log:
    for number in range(10**9):
        log.append("card.status.v1", [
            AccountStatusObserved(event_id=f"{customer}-{number}", customer_id=customer,
                                  occurred_at=at, known_at=at, status_code=0)
            for customer in range(50)
        ])
        print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    """A writer is killed in mid-flight, thrice; each time all it acknowledged is there, once."""
    for _ in range(3):
        start = count_of(tmp_path) // 50
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
            assert writer.stdout is not None
            acknowledged = [int(next(writer.stdout)) for _ in range(20)]
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout]
        with FileEventLog(tmp_path, write=True) as log:
            events = everything(log, STATUS)
        assert len(events) >= (start + len(acknowledged)) * 50
        by_customer = [[e for e in events if e.customer_id == c] for c in range(50)]
        assert all(len(mine) >= start + len(acknowledged) for mine in by_customer)


def count_of(folder):
    return sum(FileEventLog(folder).end_offsets(STATUS)) if (folder / "log.json").exists() else 0


def test_what_is_refused_leaves_no_file(tmp_path):
    with FileEventLog(tmp_path, write=True) as log:
        with pytest.raises(BadInput):
            log.append(STATUS, [status(1), status(2, code=9)])
        assert log.topics() == ()
    assert list(tmp_path.glob("card.*")) == []


def test_the_number_of_partitions_stays(tmp_path):
    with FileEventLog(tmp_path, partitions=3, write=True):
        pass
    with pytest.raises(BadInput, match="it has 3 partitions, not 4"):
        FileEventLog(tmp_path, write=True)
    with FileEventLog(tmp_path, partitions=3, write=True) as log:  # the lock was given back
        assert log.partitions == 3


def test_no_log_is_not_ready_and_a_broken_one_is_damaged(tmp_path):
    with pytest.raises(NotReady, match="no event log"):
        FileEventLog(tmp_path / "none")
    (tmp_path / "log.json").write_text("{")
    with pytest.raises(Damaged, match=r"log\.json"):
        FileEventLog(tmp_path)
