"""The shipped table is the published one, and its events tell all of it and nothing later."""

import lzma
from collections import defaultdict

import numpy as np
import pytest

from finmodel.errors import Damaged
from finmodel.events import (
    AccountStatusObserved,
    RepaymentReceived,
    StatementIssued,
    decode,
    encode,
    topic_of,
)
from finmodel.lender import credit_default as lender


@pytest.fixture(scope="module")
def table():
    return lender.load()


@pytest.fixture(scope="module")
def some(table):
    return table.sample(800, random_state=5)


@pytest.fixture(scope="module")
def events(some):
    return list(lender.history(some))


def test_the_table_is_the_published_one(table):
    assert table.shape == (30_000, 25)
    assert table["ID"].tolist() == list(range(1, 30_001))
    assert table["DEFAULT"].sum() == 6_636
    assert not table.isna().to_numpy().any()


def test_whose_it_is_stands_beside_it():
    text = lender.TABLE.with_name("ATTRIBUTION.md").read_text()
    assert all(
        word in text for word in ("Yeh", "Lien", "2009", "UCI", "350", "CC BY 4.0", "changed")
    )


@pytest.mark.parametrize("at", [0, 30, 400_000, -1])
def test_a_changed_file_is_damaged(tmp_path, at):
    data = bytearray(lender.TABLE.read_bytes())
    data[at] ^= 1
    changed = tmp_path / "t.csv.xz"
    changed.write_bytes(data)
    with pytest.raises(Damaged, match=r"t\.csv\.xz"):
        lender.load(changed)


def test_another_table_is_damaged(tmp_path):
    other = tmp_path / "t.csv.xz"
    other.write_bytes(lzma.compress(b"ID\n1\n"))
    with pytest.raises(Damaged, match="digest"):
        lender.load(other)


def test_events_tell_the_whole_table(some, events):
    """Every figure of behaviour can be had back; where nothing was paid, no repayment stands."""
    back = {name: dict.fromkeys(some["ID"], 0) for _, *names in lender.MONTHS for name in names}
    limits = defaultdict(set)
    columns = {month: names for month, *names in lender.MONTHS}
    for event in events:
        status, bill, paid = columns[event.occurred_at.month]
        match event:
            case StatementIssued():
                back[bill][event.customer_id] = event.balance_minor // 100
                limits[event.customer_id].add(event.limit_minor // 100)
            case RepaymentReceived():
                back[paid][event.customer_id] += event.amount_minor // 100
            case AccountStatusObserved():
                back[status][event.customer_id] = event.status_code
    indexed = some.set_index("ID")
    assert len(back) == 18
    for name, values in back.items():
        assert values == indexed[name].to_dict(), name
    assert {i: {v} for i, v in indexed["LIMIT_BAL"].items()} == limits


def test_each_month_goes_statement_repayment_status(some, events):
    months = defaultdict(list)
    for event in events:
        months[event.customer_id, event.occurred_at.month].append(event)
    assert len(months) == 6 * len(some)
    for told in months.values():
        kinds = [type(event) for event in sorted(told, key=lambda event: event.occurred_at)]
        assert kinds[0] is StatementIssued
        assert kinds[-1] is AccountStatusObserved
        assert kinds[1:-1] in ([], [RepaymentReceived])
        times = sorted(told, key=lambda event: event.occurred_at)
        assert [e.known_at for e in times] == sorted(e.known_at for e in times)
        assert len({event.known_at.month for event in told}) == 1


def test_all_is_known_before_the_label_and_in_order(events):
    assert all(event.known_at < lender.LABELLED_AT for event in events)
    assert all(event.occurred_at >= lender.OPENED_AT for event in events)
    by_topic = defaultdict(list)
    for event in events:
        by_topic[topic_of(event)].append(event.known_at)
    assert len(by_topic) == 3
    assert all(times == sorted(times) for times in by_topic.values())
    assert lender.LABELLED_AT.isoformat() == "2005-10-01T00:00:00+08:00"


def test_days_are_spread(events):
    days = [e.occurred_at.day for e in events if isinstance(e, RepaymentReceived)]
    shares = np.bincount(days)[11:28] / len(days)
    assert set(days) == set(range(11, 28))
    assert shares.max() < 0.2


def test_events_are_the_same_each_time_and_have_their_own_ids(some, events):
    again = list(lender.history(some))
    assert again == events
    assert len({event.event_id for event in events}) == len(events)
    alone = [e for e in lender.history(some.head(1))]
    assert set(map(encode, alone)) <= set(map(encode, events))


def test_events_decode_and_hold_no_personal_attribute(events):
    lines = [encode(event) for event in events]
    assert [decode(line) for line in lines] == events
    assert not any(word in line for line in lines for word in (b"sex", b"age", b"marr", b"educ"))


def test_labels_say_who_when_and_what(table):
    spine = lender.labels(table)
    assert list(spine.columns) == ["customer_id", "event_timestamp", "label"]
    assert str(spine["event_timestamp"].dtype) == "datetime64[us, UTC]"
    assert (spine["event_timestamp"] == lender.LABELLED_AT).all()
    assert spine["label"].tolist() == table["DEFAULT"].tolist()


def test_attributes_for_audits_stand_apart(table):
    attributes = lender.audit_attributes(table)
    assert list(attributes.columns) == [
        "customer_id",
        "event_timestamp",
        "sex",
        "education",
        "marriage",
        "age",
    ]
    assert attributes["age"].tolist() == table["AGE"].tolist()
    assert (attributes["event_timestamp"] < lender.LABELLED_AT).all()
