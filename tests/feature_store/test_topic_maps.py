"""Records of a lender's topics as events: JSON, Avro and Debezium, and every reason against it."""

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.judging import event_fields
from feature_store.rejections import Reason, Rejected, Skipped
from feature_store.topic_file import load_topic_maps
from feature_store.topic_maps import translate
from finmodel.events import TOPICS, TYPES, LoanDrawn, LoanRepaid, LoggedIn, decode, encode
from tests.feature_store.test_source_formats import DRAWDOWN, avro

LOGIN, DRAWN, REPAID = load_topic_maps(Path(__file__).parents[2] / "docs" / "topics.example.yaml")

OPENED = {
    "session": {"id": "S-17", "terminal": 1, "ip": "10.1.2.3"},
    "user": {"no": "30000", "name": "王芳"},
    "at": "2024-05-01 08:00:00.250",
    "ok": True,
}
CLOCK = 1_714_521_600_250
CHANGE = {
    "before": None,
    "after": {
        "repayment_id": 1001,
        "customer_id": 7,
        "payer_name": "王芳",
        "paid_at": 1_714_550_400_000,  # DATETIME 2024-05-01 08:00:00
        "pay_channel": "APP",
        "fully_paid": 1,
        "currency": None,
        "amount": "BNI=",  # DECIMAL(18,2) 12.34
    },
    "source": {
        "version": "3.0.5.Final",
        "connector": "mysql",
        "name": "bank",
        "ts_ms": 1_714_521_601_000,
        "snapshot": "false",
        "db": "core",
        "sequence": None,
        "table": "repayments",
        "server_id": 223344,
        "gtid": None,
        "file": "mysql-bin.000003",
        "pos": 484,
        "row": 0,
        "thread": 7,
        "query": None,
    },
    "op": "c",
    "ts_ms": 1_714_521_601_123,
    "transaction": None,
}
CONNECT_SCHEMA = {
    "type": "struct",
    "fields": [
        {
            "type": "struct",
            "fields": [
                {"type": "int64", "optional": False, "field": "repayment_id"},
                {
                    "type": "int64",
                    "optional": False,
                    "name": "io.debezium.time.Timestamp",
                    "version": 1,
                    "field": "paid_at",
                },
                {
                    "type": "bytes",
                    "optional": False,
                    "name": "org.apache.kafka.connect.data.Decimal",
                    "version": 1,
                    "parameters": {"scale": "2", "connect.decimal.precision": "18"},
                    "field": "amount",
                },
            ],
            "optional": True,
            "name": "bank.core.repayments.Value",
            "field": "after",
        },
        {"type": "string", "optional": False, "field": "op"},
        {"type": "int64", "optional": True, "field": "ts_ms"},
    ],
    "optional": False,
    "name": "bank.core.repayments.Envelope",
}
REPAYMENT = LoanRepaid(
    event_id="1001:484",
    customer_id=7,
    occurred_at=datetime(2024, 5, 1, tzinfo=UTC),
    known_at=datetime(2024, 5, 1, 0, 0, 1, tzinfo=UTC),
    channel="app",
    status="full",
    currency="CNY",
    amount_minor=1234,
)


def opened(**fields):
    return json.dumps(OPENED | fields).encode()


def change(op="c", after=None, **fields):
    row = CHANGE["after"] | (after or {})
    return json.dumps(CHANGE | {"op": op, "after": row} | fields).encode()


def drawn(number=17, **fields):
    return struct.pack(">bI", 0, number) + avro(DRAWDOWN | fields)


def test_json_becomes_an_event():
    assert translate(LOGIN, opened(), CLOCK) == LoggedIn(
        event_id="S-17",
        customer_id=30_000,
        occurred_at=datetime(2024, 5, 1, 0, 0, 0, 250_000, tzinfo=UTC),
        known_at=datetime(2024, 5, 1, 0, 0, 0, 250_999, tzinfo=UTC),
        channel="app",
        status="success",
    )


def test_avro_becomes_an_event():
    assert translate(DRAWN, drawn()) == LoanDrawn(
        event_id="LN1:2024-05-01T00\\:00\\:00.123000+00\\:00",
        customer_id=7,
        occurred_at=DRAWDOWN["paid_out_at"],
        known_at=DRAWDOWN["booked_at"],
        product="cash_loan",
        loan_number=2,
        currency="CNY",
        amount_minor=1_200_050,
        term_months=12,
        apr_bp=1825,
    )


def test_a_change_becomes_an_event_with_its_schema_and_without():
    assert translate(REPAID, change()) == REPAYMENT
    wrapped = json.dumps({"schema": CONNECT_SCHEMA, "payload": CHANGE}).encode()
    assert translate(REPAID, wrapped) == REPAYMENT
    assert translate(REPAID, change("r")) == translate(REPAID, change("u")) == REPAYMENT


def test_a_translated_event_is_read_as_any_other():
    for event in (translate(LOGIN, opened(), CLOCK), translate(DRAWN, drawn()), REPAYMENT):
        assert decode(encode(event)) == event
        assert "王芳".encode() not in encode(event)


def test_postgres_tells_changes_in_the_same_way(tmp_path):
    """Numbers as text (decimal.handling.mode=string), MicroTimestamp, a place in its log."""
    path = tmp_path / "topics.yaml"
    path.write_text(
        "topics:\n"
        "- source: pgserver1.public.repayments\n"
        "  topic: card.repayment.v1\n"
        "  envelope: debezium\n"
        "  fields:\n"
        "    event_id: {join: [id, $.source.lsn]}\n"
        "    customer_id: customer_id\n"
        "    occurred_at: {from: created_at, convert: local_epoch_us, zone: Asia/Shanghai}\n"
        "    known_at: {from: $.ts_ms, convert: epoch_ms}\n"
        "    currency: {constant: CNY}\n"
        "    amount_minor: {from: amount, convert: yuan_to_fen}\n"
    )
    (found,) = load_topic_maps(path)
    row = {"id": 5, "customer_id": 7, "created_at": 1_714_550_400_000_001, "amount": "12.3400"}
    source = {"connector": "postgresql", "txId": 555, "lsn": 24_023_128, "snapshot": "false"}
    event = translate(found, change(source=source, after=row))
    assert event.event_id == "5:24023128"
    assert event.occurred_at == datetime(2024, 5, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert event.amount_minor == 1234


@pytest.mark.parametrize(
    ("topic_map", "value", "reason", "field"),
    [
        (LOGIN, None, "tombstone", ""),
        (LOGIN, b"", "empty", ""),
        (LOGIN, b"x" * 1_000_001, "too_large", ""),
        (LOGIN, opened(more="x" * 5_000_000), "too_large", ""),
        (LOGIN, b"\xff", "broken_bytes", ""),
        (LOGIN, opened()[:-1], "broken_bytes", ""),
        (LOGIN, b'{"a":' * 99_999, "broken_bytes", ""),
        (LOGIN, b"[1]", "no_record", ""),
        (LOGIN, b"null", "no_record", ""),
        (LOGIN, opened(user=None), "missing", "customer_id"),
        (LOGIN, opened(user={"no": None}), "missing", "customer_id"),
        (LOGIN, opened(user=[1]), "missing", "customer_id"),
        (LOGIN, opened(user={"no": "C30000"}), "no_whole_number", "customer_id"),
        (LOGIN, opened(user={"no": 7.5}), "no_whole_number", "customer_id"),
        (LOGIN, opened(user={"no": True}), "wrong_type", "customer_id"),
        (LOGIN, opened(user={"no": -1}), "out_of_range", "customer_id"),
        (LOGIN, opened(user={"no": 2**70}), "out_of_range", "customer_id"),
        (LOGIN, opened(session={"id": "", "terminal": 1}), "out_of_range", "event_id"),
        (LOGIN, opened(session={"id": [1], "terminal": 1}), "wrong_type", "event_id"),
        (LOGIN, opened(session={"id": "S", "terminal": 4}), "unknown_value", "channel"),
        (LOGIN, opened(session={"id": "S", "terminal": [1]}), "wrong_type", "channel"),
        (LOGIN, opened(at="01.05.2024"), "no_time", "occurred_at"),
        (LOGIN, opened(at="1988-04-17 02:30:00"), "hour_skipped", "occurred_at"),
        (LOGIN, opened(at="1988-09-11 01:30:00"), "hour_repeated", "occurred_at"),
        (LOGIN, opened(at="2024-05-01 08:00:01"), "known_too_early", "known_at"),
        (DRAWN, avro(DRAWDOWN), "broken_bytes", ""),
        (DRAWN, drawn()[:-1], "broken_bytes", ""),
        (DRAWN, drawn(number=18), "unknown_schema", ""),
        (DRAWN, drawn(nth_loan=0), "out_of_range", "loan_number"),
        (REPAID, change("d"), "delete", ""),
        (REPAID, change("t"), "unknown_operation", ""),
        (REPAID, json.dumps(CHANGE["after"]).encode(), "unknown_operation", ""),
        (REPAID, json.dumps(CHANGE | {"after": None}).encode(), "no_record", ""),
        (REPAID, change(after={"amount": "12.34"}), "no_number", "amount_minor"),
        (REPAID, change(after={"amount": 12.34}), "wrong_type", "amount_minor"),
        (REPAID, change(after={"amount": "AA=="}), "out_of_range", "amount_minor"),
        (REPAID, change(after={"currency": "RENMINBI"}), "out_of_range", "currency"),
        (REPAID, change(source={}), "missing", "event_id"),
    ],
)
def test_every_reason(topic_map, value, reason, field):
    assert translate(topic_map, value, CLOCK) == Rejected(Reason(reason), field)


def test_a_record_without_a_time_of_its_own():
    for timestamp_ms in (None, -1):
        said = translate(LOGIN, opened(), timestamp_ms)
        assert said == Rejected(Reason.NO_RECORD_TIME, "known_at")


def test_a_third_decimal_and_a_time_without_zone(tmp_path):
    path = tmp_path / "topics.yaml"
    path.write_text(
        "topics:\n"
        "- source: core.cards\n"
        "  topic: card.repayment.v1\n"
        "  fields:\n"
        "    event_id: id\n"
        "    customer_id: id\n"
        "    occurred_at: {from: at, convert: time}\n"
        "    known_at: {from: at, convert: time}\n"
        "    currency: {constant: CNY}\n"
        "    amount_minor: {from: amount, convert: yuan_to_fen}\n"
    )
    (found,) = load_topic_maps(path)
    at = "2024-05-01T00:00:00Z"
    assert translate(found, b'{"id":7,"at":"%s","amount":0.29}' % at.encode()).amount_minor == 29
    said = translate(found, b'{"id":7,"at":"%s","amount":12.345}' % at.encode())
    assert said == Rejected(Reason.TOO_PRECISE, "amount_minor")
    said = translate(found, b'{"id":7,"at":"2024-05-01 00:00:00","amount":12}')
    assert said == Rejected(Reason.NO_ZONE, "occurred_at")


def test_deletions_and_tombstones_are_told_apart_and_go_where_the_map_says(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "topics.example.yaml").read_text()
    text = text[: text.index("  # Avro")] + text[text.index("  # A table") :]
    assert translate(REPAID, None) == Skipped(Reason.TOMBSTONE)
    wrapped = b'{"schema":null,"payload":null}'
    assert translate(REPAID, wrapped) == Skipped(Reason.TOMBSTONE)
    path = tmp_path / "topics.yaml"
    path.write_text(text.replace("deletes: reject", "deletes: skip"))
    other = load_topic_maps(path)[1]
    assert translate(other, change("d")) == Skipped(Reason.DELETE)
    path.write_text(text.replace("tombstones: skip", "tombstones: reject"))
    other = load_topic_maps(path)[1]
    assert translate(other, None) == Rejected(Reason.TOMBSTONE)


def possible(topic_map):
    """All that may ever be said of a record, known before it comes."""
    fields = ("", *event_fields(topic_map.topic))
    rejected = {Rejected(reason, field) for reason in Reason for field in fields}
    return rejected | {Skipped(reason) for reason in Reason}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from([LOGIN, REPAID]), st.data())
def test_a_reason_says_nothing_of_the_record(topic_map, data):
    """Whatever came, what is said is one of a few sentences that were there before it."""
    row = OPENED if topic_map is LOGIN else CHANGE["after"]
    fields = data.draw(
        st.dictionaries(st.sampled_from(sorted(row)), VALUES, min_size=1, max_size=2)
    )
    value = opened(**fields) if topic_map is LOGIN else change(after=fields)
    said = translate(topic_map, value, CLOCK)
    kind = TYPES[TOPICS.index(topic_map.topic)]
    assert isinstance(said, kind) or said in possible(topic_map)


@given(st.sampled_from([LOGIN, DRAWN, REPAID]), st.binary(max_size=99))
def test_noise_is_rejected(topic_map, noise):
    assert translate(topic_map, noise, CLOCK) in possible(topic_map)
    assert translate(topic_map, drawn()[:5] + noise, CLOCK) in possible(topic_map)
