"""Events keep their shape: one form in bytes, and a place for everything that is wrong with one."""

import re
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from finmodel.events import (
    TOPICS,
    TYPES,
    AccountStatusObserved,
    RepaymentReceived,
    StatementIssued,
    decode,
    decode_lines,
    encode,
    encode_lines,
    topic_of,
)

AT = datetime(2005, 9, 30, 20, tzinfo=timezone(timedelta(hours=8)))
STATUS = AccountStatusObserved(
    event_id="a", customer_id=7, occurred_at=AT, known_at=AT, status_code=2
)

times = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001
    lambda time: time.replace(tzinfo=UTC)
)
heads = st.fixed_dictionaries(
    {
        "event_id": st.text(min_size=1, max_size=40),
        "customer_id": st.integers(0, 2**63 - 1),
        "occurred_at": times,
        "known_at": times,
    }
).filter(lambda head: head["occurred_at"] <= head["known_at"])
money = st.integers(-(10**15), 10**15)
events = st.one_of(
    st.builds(
        lambda head, limit, balance: StatementIssued(
            **head, currency="TWD", limit_minor=limit, balance_minor=balance
        ),
        heads,
        money,
        money,
    ),
    st.builds(
        lambda head, amount: RepaymentReceived(**head, currency="TWD", amount_minor=amount),
        heads,
        st.integers(1, 10**15),
    ),
    st.builds(
        lambda head, code: AccountStatusObserved(**head, status_code=code),
        heads,
        st.integers(-2, 8),
    ),
)


@given(st.lists(events, max_size=8))
def test_what_is_written_is_what_is_read(some):
    assert decode_lines(encode_lines(some)) == some
    assert [decode(encode(event)) for event in some] == some


def test_the_bytes_of_a_version_never_change():
    assert encode(STATUS) == (
        b'{"topic":"card.status.v1","event_id":"a","customer_id":7,'
        b'"occurred_at":"2005-09-30T20:00:00+08:00","known_at":"2005-09-30T20:00:00+08:00",'
        b'"status_code":2}'
    )
    fields = {kind.__struct_config__.tag: kind.__struct_fields__ for kind in TYPES}
    head = ("event_id", "customer_id", "occurred_at", "known_at")
    assert fields == {
        "card.statement.v1": (*head, "currency", "limit_minor", "balance_minor"),
        "card.repayment.v1": (*head, "currency", "amount_minor"),
        "card.status.v1": (*head, "status_code"),
    }


def test_topics_are_named_as_agreed():
    assert len(TOPICS) == 3
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+\.v\d+", topic) for topic in TOPICS)
    assert topic_of(STATUS) == "card.status.v1"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"topic": "card.status.v2"}, "card.status.v2"),
        ({"topic": None}, "topic"),
        ({"sex": 1}, "unknown field `sex`"),
        ({"status_code": 9}, "<= 8"),
        ({"status_code": "2"}, "status_code"),
        ({"occurred_at": "2005-09-30T20:00:00"}, "timezone"),
        ({"known_at": "2005-09-29T20:00:00+08:00"}, "before"),
        ({"customer_id": 2**63}, "customer_id"),
    ],
)
def test_a_wrong_event_is_refused_with_its_place(change, what):
    fields = msgspec.json.decode(encode(STATUS)) | change
    lines = encode_lines([STATUS, STATUS]) + msgspec.json.encode(fields) + b"\n"
    with pytest.raises(BadInput, match=re.escape("card.status.v1[3]@102: ")) as refused:
        decode_lines(lines, "card.status.v1[3]", first=100)
    assert what in str(refused.value)


@given(st.data())
def test_a_cut_event_is_never_an_event(data):
    whole = encode(STATUS)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(BadInput):
        decode(cut)


@given(st.binary(max_size=60))
def test_noise_is_bad_input(noise):
    with pytest.raises(BadInput):
        decode(noise)


def test_events_are_frozen():
    with pytest.raises(AttributeError):
        STATUS.status_code = 0
