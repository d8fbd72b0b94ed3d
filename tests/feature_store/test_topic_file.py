"""`topics.yaml`: what is taken, and each mistake told with file, entry and field at load."""

import shutil
from pathlib import Path

import pytest
import yaml

from feature_store.rejections import Reason, Rejected
from feature_store.topic_file import load_topic_maps
from feature_store.topic_maps import translate
from finmodel.errors import BadInput, Damaged, NotFound

DOCS = Path(__file__).parents[2] / "docs"
ENTRY = {
    "source": "core.repay",
    "topic": "loan.repayment.v1",
    "fields": {
        "event_id": "no",
        "customer_id": "customer",
        "occurred_at": {"from": "at", "convert": "time"},
        "known_at": {"from": "at", "convert": "time"},
        "channel": {"from": "ch", "values": {"1": "app"}},
        "status": {"constant": "full"},
        "currency": {"constant": "CNY"},
        "amount_minor": {"from": "amount", "convert": "yuan_to_fen"},
    },
}


def load(folder, *entries):
    path = folder / "topics.yaml"
    path.write_text(yaml.safe_dump({"topics": list(entries)}))
    return load_topic_maps(path)


def with_fields(**fields):
    told = ENTRY["fields"] | fields
    return ENTRY | {"fields": {name: rule for name, rule in told.items() if rule is not ...}}


def test_the_example_is_read():
    maps = load_topic_maps(DOCS / "topics.example.yaml")
    assert [(one.source, one.topic) for one in maps] == [
        ("app.session.opened", "app.login.v1"),
        ("core.loan.drawdown", "loan.drawdown.v1"),
        ("bank.core.repayments", "loan.repayment.v1"),
    ]
    assert [(one.debezium, one.deletes, one.tombstones) for one in maps] == [
        (False, "skip", "reject"),
        (False, "skip", "reject"),
        (True, "reject", "skip"),
    ]


def test_the_page_tells_every_reason_and_shows_the_example():
    page = (DOCS / "topics.md").read_text()
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row in set(Reason)] == [str(reason) for reason in Reason]
    example = (DOCS / "topics.example.yaml").read_text()
    shown = [part.split("```")[0] for part in page.split("```yaml\n")[1:]]
    assert len(shown) >= 3
    assert [part for part in shown if part not in example.replace("\n  ", "\n")] == []


def test_texts_stay_what_they_are(tmp_path):
    """YAML's own readers make a number of 1 and a switch of no; a vocabulary has neither."""
    path = tmp_path / "topics.yaml"
    text = yaml.safe_dump({"topics": [ENTRY]})
    path.write_text(
        text.replace("'1': app", "1: app\n        no: transfer\n        0x1: auto_debit")
    )
    (found,) = load_topic_maps(path)
    line = b'{"no":7,"customer":1,"at":"2024-05-01T00:00:00Z","ch":%s,"amount":1}'
    for said, channel in ((b"1", "app"), (b'"no"', "transfer"), (b'"0x1"', "auto_debit")):
        assert translate(found, line % said).channel == channel
    assert translate(found, line % b"false") == Rejected(Reason.UNKNOWN_VALUE, "channel")


def test_a_default_fills_what_is_not_there(tmp_path):
    (found,) = load(tmp_path, with_fields(channel={"from": "ch", "default": "app"}))
    line = b'{"no":7,"customer":1,"at":"2024-05-01T00:00:00Z","amount":1%s}'
    assert translate(found, line % b"").channel == "app"
    assert translate(found, line % b',"ch":null').channel == "app"
    assert translate(found, line % b',"ch":"transfer"').channel == "transfer"


TIME = {"from": "at", "convert": "time"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**ENTRY, "topic": "loan.repayment.v9"}, "core.repay: topic: there is no topic loan.rep"),
        ({**ENTRY, "format": "csv"}, r"core\.repay: Invalid enum value 'csv' - at `\$\.format`"),
        ({**ENTRY, "colour": "red"}, "core.repay: .* unknown field `colour`"),
        ({**ENTRY, "source": ...}, r"entry 1: .* missing required field `source`"),
        ({**ENTRY, "deletes": "skip"}, "core.repay: deletes: only Debezium's"),
        ({**ENTRY, "deletes": "keep", "envelope": "debezium"}, r"'keep' - at `\$\.deletes`"),
        ({**ENTRY, "schema": "a.avsc"}, "core.repay: schema: .* JSON has neither"),
        ({**ENTRY, "framing": "confluent"}, "core.repay: schema: .* JSON has neither"),
        ({**ENTRY, "format": "avro"}, "core.repay: schema: .* give `schema: FILE`"),
        (
            {**ENTRY, "format": "avro", "schema": "a.avsc", "framing": "confluent"},
            "core.repay: schema: .* give `schemas:`",
        ),
        ({**ENTRY, "format": "avro", "schema": "no.avsc"}, r"core\.repay: no\.avsc: no such file"),
        ({**ENTRY, "format": "avro", "schema": "topics.yaml"}, r"topics\.yaml: it is no JSON"),
        ({**ENTRY, "format": "avro", "schema": "b.avsc"}, r"b\.avsc: it is no Avro schema"),
        (
            {**ENTRY, "format": "avro", "framing": "confluent", "schemas": {"x": "a.avsc"}},
            "core.repay: schemas: 'x' is no schema's id",
        ),
        ({**ENTRY, "format": "avro", "schema": "a.avsc"}, "event_id: a.avsc has no no; name a"),
        (
            {**ENTRY, "format": "avro", "schema": "a.avsc", "envelope": "debezium"},
            r"event_id: a\.avsc has no after\.no",
        ),
        (with_fields(colour="red"), "core.repay: colour: events of loan.repayment.v1 have no such"),
        (with_fields(status=...), "core.repay: status: it is not filled"),
        (with_fields(status={}), "core.repay: status: it has not one source"),
        (with_fields(status={"from": "a", "constant": "full"}), "it has not one source"),
        (with_fields(status={"from": "a", "colour": "red"}), "status: .* unknown field `colour`"),
        (with_fields(status=["a"]), "core.repay: status: Expected `object`, got `array`"),
        (with_fields(status={"constant": "paid"}), "status: .*'paid'; name one of full, partial"),
        (with_fields(status={"constant": "full", "convert": "time"}), "constant stands alone"),
        (with_fields(channel={"from": "ch", "values": {"1": "pigeon"}}), "channel: .*'pigeon'"),
        (with_fields(channel={"from": "ch", "default": "pigeon"}), "channel: .*'pigeon'"),
        (
            with_fields(channel={"from": "ch", "values": {"1": "app"}, "convert": "time"}),
            "channel: values stand alone",
        ),
        (
            with_fields(channel={"from": "ch", "convert": "yuan_to_fen"}),
            "channel: no conversion yu",
        ),
        (with_fields(currency={"constant": "RENMINBI"}), "currency: .* <= 3"),
        (with_fields(amount_minor={"constant": "0"}), "amount_minor: .* >= 1"),
        (with_fields(amount_minor={"constant": "x"}), "amount_minor: .*int"),
        (
            with_fields(amount_minor={"from": "a", "convert": "yuan"}),
            "amount_minor: no conversion yuan for it; name yuan_to_fen, or none",
        ),
        (with_fields(amount_minor={"from": "a", "convert": "percent_to_bp"}), "name yuan_to_fen"),
        (with_fields(amount_minor={"from": "a", "zone": "UTC"}), "a zone is for times"),
        (with_fields(amount_minor={"from": "a", "scale": "2"}), "scale is for amounts"),
        (
            with_fields(amount_minor={"from": "a", "convert": "yuan_to_fen", "scale": "two"}),
            "'two' is no scale",
        ),
        (with_fields(customer_id={"from": "a", "convert": "hash"}), "no conversion hash for it"),
        (with_fields(customer_id={"constant": "7"}), "customer_id: it is each event's own"),
        (with_fields(customer_id={"from": "a", "default": "7"}), "it is each event's own"),
        (with_fields(customer_id={"join": ["a", "b"]}), "only event_id is joined"),
        (with_fields(event_id={"join": []}), "event_id: it has not one source"),
        (with_fields(event_id="a..b"), "event_id: it is no path; write a.b.c"),
        (with_fields(event_id="$"), "event_id: it is no path"),
        (with_fields(event_id=""), "event_id: it is no path"),
        (with_fields(event_id={"from": "a", "values": {"1": "x"}}), "values are for words"),
        (with_fields(occurred_at="at"), "occurred_at: none said; name one of time, epoch_s"),
        (with_fields(occurred_at={"from": "at", "convert": "date"}), "no conversion date"),
        (with_fields(occurred_at={"from": "at", "convert": "local_time"}), "it has no zone; add"),
        (
            with_fields(occurred_at={"from": "at", "convert": "local_time", "zone": "Asia/Peking"}),
            "occurred_at: there is no zone Asia/Peking",
        ),
        (
            with_fields(occurred_at={"from": "at", "convert": "local_time", "zone": "../x"}),
            "there is no zone",
        ),
        (with_fields(occurred_at=TIME | {"zone": "Asia/Shanghai"}), "time has its zone"),
        (with_fields(occurred_at={"record_time": "true"}), "only known_at is the record's time"),
        (with_fields(known_at={"record_time": "yes"}), "write `record_time: true` there"),
        (
            with_fields(known_at={"from": "at", "convert": "local_date", "zone": "UTC"}),
            "known_at: a day's start is before the lender knew",
        ),
    ],
)
def test_a_mistake_is_told_with_file_entry_and_field(tmp_path, entry, said):
    shutil.copy(DOCS / "topics.example.avsc", tmp_path / "a.avsc")
    (tmp_path / "b.avsc").write_text('{"type": "record", "name": "R", "fields": [{"name": "a"}]}')
    with pytest.raises(BadInput, match=said) as error:
        load(tmp_path, {name: value for name, value in entry.items() if value is not ...})
    assert error.value.where.startswith(f"{tmp_path / 'topics.yaml'}: ")
    assert error.value.remedy


def test_a_source_and_a_topic_stand_once(tmp_path):
    with pytest.raises(BadInput, match=r"core\.repay: it has two entries"):
        load(tmp_path, ENTRY, ENTRY)
    with pytest.raises(BadInput, match=r"other: topic: core\.repay is loan\.repayment\.v1 already"):
        load(tmp_path, ENTRY, ENTRY | {"source": "other"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it holds no entries"),
        (b"[]", "it holds no entries"),
        (b"topics: []", "it holds no entries"),
        (b"topics: {a: b}", "it holds no entries"),
        (b"topics:\n- a\nmore: b", "it holds no entries"),
        (b"topics:\n- a", "entry 1: Expected `object`"),
        (b"topics:\n- {source: a,\n", r"topics\.yaml:\d: .*; write it as YAML"),
        (b"topics:\n- source: a\n  source: b\n", r"topics\.yaml:2: a key twice"),
        (b"\xff\xfe\x00", "it is no text in UTF-8"),
        (b"topics: !!python/object:os.system x", "it holds no entries"),
    ],
)
def test_a_file_that_is_none(tmp_path, text, said):
    path = tmp_path / "topics.yaml"
    path.write_bytes(text)
    with pytest.raises(BadInput, match=said):
        load_topic_maps(path)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        load_topic_maps(tmp_path / "topics.yaml")
    with pytest.raises(Damaged, match="directory"):
        load_topic_maps(tmp_path)
