"""Columns are the events, and a broken event is named by its place."""

import msgspec
import pytest

from feature_store.event_batch import batch_of_lines
from feature_store.event_columns import read_columns
from feature_store.event_log import FileEventLog, append_all
from finmodel.errors import BadInput
from finmodel.events import TOPICS, TYPES, topic_of
from finmodel.lender.simulated import LENDER_TOPICS, Lender


def test_columns_are_the_events(lender):
    assert len(lender.log().topics()) == 3
    for topic in lender.log().topics():
        kind = TYPES[TOPICS.index(topic)]
        events = [e for p in range(4) for b in lender.log().read(topic, p) for e in b.events()]
        columns = read_columns(lender.log(), topic)
        assert columns.column_names == list(kind.__struct_fields__)
        assert columns.num_rows == len(events) > 900
        for name in kind.__struct_fields__:
            assert columns[name].to_pylist() == [getattr(event, name) for event in events]


def test_an_empty_topic_has_its_columns(tmp_path):
    with FileEventLog(tmp_path, write=True) as log:
        columns = read_columns(log, "card.repayment.v1")
    assert columns.num_rows == 0
    assert str(columns.schema.field("known_at").type) == "timestamp[us, tz=UTC]"
    assert str(columns.schema.field("amount_minor").type) == "int64"


def test_every_type_of_event_has_columns(tmp_path):
    """A batch of each topic of the simulated lender, field by field."""
    told = list(Lender(customers=60, days=90, seed=4, twice_share=0).events())
    with FileEventLog(tmp_path, write=True) as log:
        append_all(log, told)
        for topic in LENDER_TOPICS:
            rows = read_columns(log, topic).to_pylist()
            wanted = [msgspec.structs.asdict(event) for event in told if topic_of(event) == topic]
            assert len(wanted) > 0
            assert len(rows) == len(wanted)
            assert by_id(rows) == by_id(wanted)


def by_id(rows):
    return {row["event_id"]: row for row in rows}


class BrokenLog:
    """A log whose third event is of a version nobody here knows."""

    partitions = 1

    def __init__(self, lines):
        self.lines = lines

    def read(self, topic, partition, from_offset=0):
        yield batch_of_lines(topic, partition, 70, self.lines, 70)


def test_a_broken_event_is_named(lender):
    batch = next(lender.log().read("card.status.v1", 0))
    lines = list(batch.values())[:3]
    lines[2] = lines[2].replace(b"card.status.v1", b"card.status.v2")
    with pytest.raises(BadInput, match=r"card\.status\.v1\[0\]@72: .*card\.status\.v2"):
        read_columns(BrokenLog(b"\n".join(lines) + b"\n"), "card.status.v1")
