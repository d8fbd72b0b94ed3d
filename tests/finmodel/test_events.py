"""Events keep their shape: one form in bytes, and a place for everything that is wrong with one."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.conversations import Scenario
from finmodel.errors import BadInput
from finmodel.events import (
    TOPICS,
    TYPES,
    AccountStatusObserved,
    InstalmentDue,
    LoanApplied,
    LoanDrawn,
    LoanOverdue,
    LoanRepaid,
    LoggedIn,
    MessageExchanged,
    OfferClicked,
    OfferShown,
    PageViewed,
    RepaymentReceived,
    StatementIssued,
    SuggestionJudged,
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
owed, paid = st.integers(0, 10**15), st.integers(1, 10**15)
products = st.sampled_from(["cash_loan", "instalment", "limit_increase"])
devices = st.sampled_from(["app", "web", "mini_program"])
touches = st.sampled_from(["app", "push", "sms"])
offers = st.text(min_size=1, max_size=64)
CNY = st.just("CNY")


def of(kind, **fields):
    """Events of a type, the head made here."""
    return st.builds(lambda head, rest: kind(**head, **rest), heads, st.fixed_dictionaries(fields))


MADE = {
    StatementIssued: of(StatementIssued, currency=CNY, limit_minor=money, balance_minor=money),
    RepaymentReceived: of(RepaymentReceived, currency=CNY, amount_minor=paid),
    AccountStatusObserved: of(AccountStatusObserved, status_code=st.integers(-2, 8)),
    LoggedIn: of(LoggedIn, channel=devices, status=st.sampled_from(["success", "failure"])),
    PageViewed: of(
        PageViewed,
        page=st.sampled_from(["home", "loan", "limit", "repay", "offers", "help"]),
        dwell_ms=st.integers(0, 86_400_000),
    ),
    LoanApplied: of(
        LoanApplied,
        product=products,
        channel=devices | st.just("partner"),
        status=st.sampled_from(["submitted", "approved", "declined"]),
        currency=CNY,
        requested_minor=paid,
        limit_minor=owed,
    ),
    LoanDrawn: of(
        LoanDrawn,
        product=products,
        loan_number=st.integers(1, 10**6),
        currency=CNY,
        amount_minor=paid,
        term_months=st.integers(1, 60),
        apr_bp=st.integers(0, 10_000),
    ),
    InstalmentDue: of(
        InstalmentDue,
        currency=CNY,
        instalment_minor=owed,
        due_minor=paid,
        balance_minor=owed,
        due_at=times,
    ),
    LoanRepaid: of(
        LoanRepaid,
        channel=st.sampled_from(["auto_debit", "app", "transfer"]),
        status=st.sampled_from(["full", "partial"]),
        currency=CNY,
        amount_minor=paid,
    ),
    LoanOverdue: of(LoanOverdue, dpd=st.integers(1, 3650), currency=CNY, amount_minor=paid),
    OfferShown: of(OfferShown, offer_id=offers, product=products, channel=touches),
    OfferClicked: of(OfferClicked, offer_id=offers, channel=touches),
    MessageExchanged: of(
        MessageExchanged,
        direction=st.sampled_from(["inbound", "outbound"]),
        channel=st.sampled_from(["chat", "sms", "phone", "email"]),
        length=st.integers(0, 100_000),
    ),
    SuggestionJudged: of(
        SuggestionJudged,
        conversation_id=offers,
        suggestion_id=offers,
        rank=st.integers(0, 4),
        verdict=st.sampled_from(["accepted", "edited", "rejected"]),
        written_by=st.sampled_from(["script", "engine"]),
        adapter=st.text(max_size=40),
        scenario=st.sampled_from(get_args(Scenario)),
        distance_bp=st.integers(0, 10_000),
        characters=st.integers(0, 100_000),
        characters_saved=st.integers(0, 100_000),
        sealed=st.text(max_size=99),
    ),
}
events = st.one_of(*MADE.values())


def test_every_type_is_tried():
    assert tuple(MADE) == TYPES


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
        "app.login.v1": (*head, "channel", "status"),
        "app.page_view.v1": (*head, "page", "dwell_ms"),
        "loan.application.v1": (
            *(*head, "product", "channel", "status"),
            *("currency", "requested_minor", "limit_minor"),
        ),
        "loan.drawdown.v1": (
            *(*head, "product", "loan_number"),
            *("currency", "amount_minor", "term_months", "apr_bp"),
        ),
        "loan.statement.v1": (
            *(*head, "currency", "instalment_minor"),
            *("due_minor", "balance_minor", "due_at"),
        ),
        "loan.repayment.v1": (*head, "channel", "status", "currency", "amount_minor"),
        "loan.overdue.v1": (*head, "dpd", "currency", "amount_minor"),
        "marketing.offer_shown.v1": (*head, "offer_id", "product", "channel"),
        "marketing.offer_clicked.v1": (*head, "offer_id", "channel"),
        "service.message.v1": (*head, "direction", "channel", "length"),
        "service.suggestion_judged.v1": (
            *(*head, "conversation_id", "suggestion_id", "rank", "verdict", "written_by"),
            *("adapter", "scenario", "distance_bp", "characters", "characters_saved", "sealed"),
        ),
    }


def test_topics_are_named_as_agreed():
    assert len(set(TOPICS)) == len(TOPICS) == len(TYPES) == 14
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+\.v\d+", topic) for topic in TOPICS)
    assert topic_of(STATUS) == "card.status.v1"


def test_events_say_nothing_of_a_person():
    """What may not be scored with, and what identifies somebody, has no field in any type."""
    personal = {
        *("sex", "gender", "age", "birth", "birthday", "education", "marriage", "marital"),
        *("religion", "nationality", "ethnicity", "name", "phone_number", "mobile", "address"),
        *("email_address", "id_card", "text", "body", "content", "latitude", "longitude"),
    }
    fields = {field for kind in TYPES for field in kind.__struct_fields__}
    assert len(fields) >= 25
    assert not fields & personal


OVERDUE = LoanOverdue(
    event_id="b", customer_id=7, occurred_at=AT, known_at=AT, dpd=3, currency="CNY", amount_minor=9
)
MESSAGE = MessageExchanged(
    event_id="c",
    customer_id=7,
    occurred_at=AT,
    known_at=AT,
    direction="inbound",
    channel="chat",
    length=5,
)


@pytest.mark.parametrize(
    ("event", "change", "what"),
    [
        (OVERDUE, {"dpd": 0}, ">= 1"),
        (OVERDUE, {"dpd": 3.5}, "dpd"),
        (OVERDUE, {"amount_minor": 0}, ">= 1"),
        (OVERDUE, {"amount_minor": 12.5}, "amount_minor"),
        (OVERDUE, {"currency": "RENMINBI"}, "currency"),
        (OVERDUE, {"known_at": "2005-09-29T20:00:00+08:00"}, "before"),
        (MESSAGE, {"channel": "pigeon"}, "pigeon"),
        (MESSAGE, {"direction": None}, "direction"),
        (MESSAGE, {"length": -1}, ">= 0"),
    ],
)
def test_bounds_and_vocabularies_are_closed(event, change, what):
    fields = msgspec.json.decode(encode(event)) | change
    with pytest.raises(BadInput, match=re.escape(what)):
        decode(msgspec.json.encode(fields))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"topic": "card.status.v2"}, "card.status.v2"),
        ({"topic": None}, "topic"),
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


@pytest.mark.parametrize("more", [b"1", b'"hello"', b"null", b'{"a":[1e999,"\xff"]}', b'"\\u0000"'])
def test_what_a_version_does_not_name_is_kept_out(more):
    """A newer producer, or one that says too much: the event is read, the rest is not."""
    line = encode(MESSAGE)[:-1] + b',"text":' + more + b"}\n"
    assert decode(line) == MESSAGE
    assert decode_lines(line + line) == [MESSAGE, MESSAGE]
    assert encode(decode(line)) == encode(MESSAGE)


@pytest.mark.parametrize(
    "line",
    [
        encode(MESSAGE).replace(b'"c"', b'"\xff"'),
        encode(MESSAGE)[:-1] + b',"text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["no UTF-8", "lists in lists"],
)
def test_what_breaks_a_decoder_is_bad_input_too(line):
    with pytest.raises(BadInput):
        decode(line)
    with pytest.raises(BadInput, match="log@8: "):
        decode_lines(encode(MESSAGE) + b"\n" + line + b"\n", "log", first=7)


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
