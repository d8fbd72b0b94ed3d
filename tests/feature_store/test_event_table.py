"""Events as columns, by compiled loops: what the full decoder says, for every value there is."""

import json
import string
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.event_batch import Batch, batch_of_lines
from feature_store.event_table import fields_of, number_of, table_of
from feature_store.text_hash import hash_of
from finmodel.errors import BadInput
from finmodel.events import TOPICS, decode, topic_of
from finmodel.lender.simulated import Lender

LOGIN = {
    "topic": "app.login.v1",
    "event_id": "e1",
    "customer_id": 7,
    "occurred_at": "2025-12-31T08:00:00+08:00",
    "known_at": "2025-12-31T00:00:00.25Z",
    "channel": "app",
    "status": "success",
}


def batch_of(topic: str, *values: bytes) -> Batch:
    ends = np.cumsum([len(value) for value in values])
    starts = ends - [len(value) for value in values]
    data = np.frombuffer(b"".join(values), np.uint8)
    offsets = np.arange(len(values))
    return Batch(topic, 0, data, np.stack([starts, ends]), offsets, 0, len(values))


def as_decoded(topic: str, value: bytes) -> list[int] | None:
    """What the full decoder makes of a value; None where it is no event of the topic."""
    try:
        event = decode(value)
    except BadInput:
        return None
    fields = msgspec.structs.astuple(event)
    return [number_of(field) for field in fields] if topic_of(event) == topic else None


def agrees(topic: str, *values: bytes) -> int:
    """Check that the table is the decoder's word for each value; how many were events."""
    table, unread = table_of(batch_of(topic, *values))
    expected = [as_decoded(topic, value) for value in values]
    assert [one.place for one in unread] == [i for i, row in enumerate(expected) if row is None]
    assert all(one.why for one in unread)
    rows = [row for row in expected if row is not None]
    assert table.columns.T.tolist() == rows
    assert table.offsets.tolist() == [i for i, row in enumerate(expected) if row is not None]
    assert (table.begin, table.end) == (0, len(values))
    return len(rows)


def test_a_lenders_events_of_every_topic():
    lender, seen = Lender(customers=60, days=75, seed=2), 0
    for topic, ids, lines in lender.json_lines():
        table, unread = table_of(batch_of_lines(topic, 3, 100, lines, 100))
        events = [decode(line) for line in lines.splitlines()]
        rows = [[number_of(field) for field in msgspec.structs.astuple(e)] for e in events]
        assert not unread
        assert table.columns.T.tolist() == rows
        assert table.column("customer_id").tolist() == ids.tolist()
        assert (table.partition, table.begin, table.end) == (3, 100, 100 + len(ids))
        seen += len(ids)
    assert seen > 500


ODD = [
    b"",
    b"null",
    b"{}",
    b"[]",
    b'{"topic":"app.login.v1"}',
    b"\xff\xfe",
    b"{" * 50,
]
CHANGES = [
    {"customer_id": 0},
    {"customer_id": -1},
    {"customer_id": 2**62},
    {"customer_id": 2**63 - 1},
    {"customer_id": 2**63},
    {"customer_id": 10**30},
    {"customer_id": 7.0},
    {"customer_id": "7"},
    {"customer_id": None},
    {"customer_id": True},
    {"event_id": ""},
    {"event_id": "é"},
    {"event_id": 'a"b'},
    {"event_id": "a\\b"},
    {"event_id": "x" * 128},
    {"event_id": "x" * 129},
    {"event_id": "é" * 128},
    {"event_id": None},
    {"channel": "App"},
    {"channel": "apps"},
    {"channel": "ap"},
    {"channel": ""},
    {"status": ["success"]},
    {"topic": "app.login.v2"},
    {"topic": "app.page_view.v1"},
    {"topic": "loan.overdue.v1", "dpd": 3},
    {"colour": "red"},
    {"known_at": "2025-12-30T00:00:00Z"},
]
TIMES = [
    "2025-12-31T08:00:00Z",
    "2025-12-31t08:00:00z",
    "2025-12-31 08:00:00Z",
    "2025-12-31T08:00:00",
    "2025-12-31T08:00:00.1Z",
    "2025-12-31T08:00:00.123456+05:30",
    "2025-12-31T08:00:00.1234567Z",
    "2025-12-31T08:00:00.Z",
    "2025-12-31T24:00:00Z",
    "2025-12-31T23:60:00Z",
    "2025-12-31T23:59:60Z",
    "2025-02-29T00:00:00Z",
    "2024-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2000-02-29T23:59:59-23:59",
    "2025-13-01T00:00:00Z",
    "2025-00-01T00:00:00Z",
    "2025-01-00T00:00:00Z",
    "2025-04-31T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1899-12-31T00:00:00Z",
    "9001-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "2025-12-31T08:00:00+24:00",
    "2025-12-31T08:00:00+08:60",
    "2025-12-31T08:00:00+0800",
    "2025-12-31T08:00:00 Z",
    "2025-12-3aT08:00:00Z",
    "20251231T080000Z",
    "",
]


def test_what_is_no_plain_event_is_what_the_decoder_says():
    values = [json.dumps(LOGIN | change).encode() for change in CHANGES]
    values += [json.dumps({**LOGIN, "occurred_at": t, "known_at": t}).encode() for t in TIMES]
    values += ODD
    assert agrees("app.login.v1", *values, json.dumps(LOGIN).encode()) > 10


@pytest.mark.parametrize("number", ["0", "-0", "00", "07", "1e3", "1.0", "+1", "- 1", "1_0", "0x1"])
def test_numbers_as_json_writes_them(number):
    text = json.dumps(LOGIN).replace('"customer_id": 7', f'"customer_id": {number}')
    agrees("app.login.v1", text.encode())


def test_spaces_order_and_repeated_keys():
    plain = json.dumps(LOGIN)
    turned = json.dumps(dict(reversed(LOGIN.items())))
    values = [
        json.dumps(LOGIN, indent=2),
        turned,
        f" \t\r\n{plain} \n",
        f"{plain}x",
        f"{plain},",
        plain[:-1],
        plain.replace(": ", ":\t"),
        plain.replace('"status"', '"channel"'),
        plain[:-1] + ', "channel": "web"}',
        plain.replace(", ", ",,", 1),
        plain.replace("{", "{,", 1),
        plain[:-1] + ",}",
    ]
    assert agrees("app.login.v1", *(value.encode() for value in values)) >= 5


instants = st.integers(-2_208_000_000_000, 221_800_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
fields = st.fixed_dictionaries(
    {
        "topic": st.sampled_from(["app.login.v1", "app.login.v1", "app.login.v9"]),
        "event_id": st.text(string.printable + "é漢", max_size=40),
        "customer_id": st.integers(-3, 2**64) | st.integers(0, 2**63 - 1) | st.floats(),
        "occurred_at": st.builds(lambda t, z: t.astimezone(z).isoformat(), instants, zones),
        "known_at": st.builds(lambda t, z: t.astimezone(z).isoformat(), instants, zones),
        "channel": st.sampled_from(["app", "web", "mini_program", "fax"]),
        "status": st.sampled_from(["success", "failure", None]),
    }
)


@given(fields, st.randoms(use_true_random=False), st.integers(0, 3))
def test_any_event_and_any_damage_to_it(event, rng, damage):
    value = bytearray(json.dumps(event, ensure_ascii=rng.random() < 0.5).encode())
    for _ in range(damage):
        place = rng.randrange(len(value))
        value[place : place + rng.randrange(3)] = rng.choice([b"", b'"', b",", b"}", b"0", b"\\"])
    agrees("app.login.v1", bytes(value))


def test_every_topic_has_a_format_of_all_its_fields():
    for topic in TOPICS:
        assert fields_of(topic)[:4] == ("event_id", "customer_id", "occurred_at", "known_at")
        assert agrees(topic, b"{}") == 0


@pytest.mark.parametrize(
    ("size", "digest"),
    [
        (0, "ef46db3751d8e999"),
        (1, "1f25c8d0bc1f4bb6"),
        (7, "9a7b149959ce60d8"),
        (8, "dab99d95c6f90092"),
        (15, "1b47cb8243cc8e32"),
        (31, "8e6900255d8cc204"),
        (32, "5972e65ad0f8d79e"),
        (63, "58cf729829cb7b77"),
        (100, "56a07de70dd26122"),
        (128, "c99ebbfbd88ce4fb"),
    ],
)
def test_a_text_is_hashed_as_the_xxhash_package_hashes_it(size, digest):
    text = bytes((i * 7 + 3) % 127 for i in range(size)).decode()
    assert f"{hash_of(text):016x}" == digest
