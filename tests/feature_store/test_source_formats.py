"""A lender's bytes as rows: Avro written by fastavro, Debezium's envelopes, and broken ones."""

import io
import json
import struct
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.rejections import Unfit
from feature_store.source_formats import (
    avro_reader,
    changed_row,
    confluent_reader,
    leads_somewhere,
    parsed_schema,
    read_json,
    unwrapped,
)

TOLD = json.loads((Path(__file__).parents[2] / "docs" / "topics.example.avsc").read_text())
SCHEMA, NAMED = parsed_schema(TOLD)
DRAWDOWN = {
    "loan_no": "LN1",
    "customer_id": 7,
    "customer_name": "王芳",
    "paid_out_at": datetime(2024, 5, 1, 0, 0, 0, 123_000, tzinfo=UTC),
    "booked_at": datetime(2024, 5, 1, 0, 0, 1, 123_456, tzinfo=UTC),
    "product": "CASH",
    "nth_loan": 2,
    "terms": {"amount": Decimal("12000.5000"), "months": 12, "apr_percent": 18.25},
}


def avro(record, told=TOLD):
    file = io.BytesIO()
    fastavro.schemaless_writer(file, fastavro.parse_schema(told), record)
    return file.getvalue()


def refused(read, value):
    with pytest.raises(Unfit) as error:
        read(value)
    return str(error.value.reason)


def test_json_is_read_digit_for_digit():
    assert read_json(b'{"a":[0.10,1e2,12345678901234567890]}') == {
        "a": [Decimal("0.10"), Decimal("1e2"), 12345678901234567890]
    }
    for broken in (b"{", b"\xff", b'"\xff"', b"[" * 99_999, b"NaN", b"{} {}", b"9" * 9999):
        assert refused(read_json, broken) == "broken_bytes"


def test_avro_keeps_its_logical_types():
    assert avro_reader(SCHEMA)(avro(DRAWDOWN)) == DRAWDOWN


def test_avro_that_is_cut_or_goes_on_is_broken():
    whole = avro(DRAWDOWN)
    for cut in range(len(whole)):
        assert refused(avro_reader(SCHEMA), whole[:cut]) == "broken_bytes"
    assert refused(avro_reader(SCHEMA), whole + b"\0") == "broken_bytes"


def read_or_refused(value):
    try:
        return set(avro_reader(SCHEMA)(value))
    except Unfit as unfit:
        return unfit.reason


@given(st.binary(max_size=200))
def test_noise_is_a_record_or_broken_and_nothing_else(noise):
    assert read_or_refused(noise) in ("broken_bytes", set(DRAWDOWN))


@given(st.integers(0, 120), st.binary(min_size=1, max_size=12))
def test_a_damaged_record_is_a_record_or_broken(place, noise):
    whole = avro(DRAWDOWN)
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    assert read_or_refused(damaged) in ("broken_bytes", set(DRAWDOWN))


def test_confluents_frame_names_the_schema():
    """Two versions of one schema; the bytes of the one would pass for the other."""
    old, new = [
        {
            "type": "record",
            "name": "R",
            "fields": [{"name": name, "type": "long"} for name in names],
        }
        for names in (("customer", "amount"), ("amount", "customer"))
    ]
    read = confluent_reader({1: parsed_schema(old)[0], 2: parsed_schema(new)[0]})
    record = {"customer": 7, "amount": 1200}
    for number, told in ((1, old), (2, new)):
        assert read(struct.pack(">bI", 0, number) + avro(record, told)) == record
    assert refused(read, struct.pack(">bI", 0, 3) + avro(record, new)) == "unknown_schema"
    for broken in (
        b"",
        b"\0\0\0\0",
        struct.pack(">bI", 1, 1) + avro(record, old),
        avro(record, old),
    ):
        assert refused(read, broken) == "broken_bytes"


def test_a_path_is_looked_for_in_the_schema():
    for path in ("loan_no", "terms.amount", "customer_name"):
        assert leads_somewhere(SCHEMA, NAMED, path.split("."))
    for path in ("loan", "terms.apr", "loan_no.a", "terms.amount.a", "product.CASH"):
        assert not leads_somewhere(SCHEMA, NAMED, path.split("."))
    row = {"type": "record", "name": "Row", "fields": [{"name": "id", "type": "long"}]}
    envelope = {
        "type": "record",
        "name": "Envelope",
        "fields": [
            {"name": "before", "type": ["null", row]},
            {"name": "after", "type": ["null", "Row"]},  # as Debezium names it the second time
        ],
    }
    assert leads_somewhere(*parsed_schema(envelope), ["after", "id"])
    assert not leads_somewhere(*parsed_schema(envelope), ["after", "no"])


@pytest.mark.parametrize(
    "told",
    [
        *(None, 1, [], {}, "long", {"type": "record"}, {"type": "x"}),
        {"type": "array", "items": "long"},
        {"type": "record", "name": "R"},
        {"type": "record", "name": "R", "fields": 1},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "other"}]},
    ],
)
def test_what_is_no_schema(told):
    with pytest.raises(ValueError, match="it is no"):
        parsed_schema(told)


def test_an_envelope_tells_what_was_done():
    row = {"id": 1}
    for op in "cru":
        for message in (
            {"op": op, "after": row, "before": None},
            {"schema": {}, "payload": {"op": op, "after": row}},
        ):
            assert changed_row(unwrapped(message)) == row
    for message, said in (
        ({"op": "d", "before": row, "after": None}, "delete"),
        ({"op": "t", "after": None}, "unknown_operation"),
        ({"op": ["c"], "after": row}, "unknown_operation"),
        ({"id": 1}, "unknown_operation"),
        ({"op": "c", "after": None}, "no_record"),
        ({"op": "c"}, "no_record"),
        ({"schema": None, "payload": None}, "tombstone"),
        (None, "tombstone"),
        ([1], "no_record"),
        ({"payload": [1]}, "no_record"),
    ):
        assert refused(lambda value: changed_row(unwrapped(value)), message) == said
