"""Records of our own topics: every reason with real bytes, and nothing of the bytes in a reason."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.judging import event_fields, event_of, judge
from feature_store.rejections import Reason, Rejected
from finmodel.events import TOPICS, TYPES, encode, topic_of
from tests.finmodel.test_events import MESSAGE, OVERDUE, STATUS, events

LOGIN = (
    b'{"topic":"app.login.v1","event_id":"a","customer_id":7,"occurred_at":"%s","known_at":"%s"}'
)


def changed(event, **fields):
    told = msgspec.json.decode(encode(event)) | fields
    return msgspec.json.encode({name: value for name, value in told.items() if value is not ...})


@given(events)
def test_an_event_is_an_event(event):
    assert judge(topic_of(event), encode(event)) == event


@given(events, st.dictionaries(st.text(min_size=1).map("x{}".format), st.text() | st.none()))
def test_more_fields_are_kept_out(event, more):
    assert judge(topic_of(event), changed(event, **more)) == event


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (None, "empty", ""),
        (b"", "empty", ""),
        (b" \t\n", "empty", ""),
        (b"null\n", "empty", ""),  # what a Batch makes of no value
        (b"x" * 1_000_001, "too_large", ""),
        (changed(STATUS, more="x" * 5_000_000), "too_large", ""),
        (b"\xff\xfe", "broken_bytes", ""),
        (encode(STATUS)[:-1], "broken_bytes", ""),
        (encode(STATUS) + encode(STATUS), "broken_bytes", ""),
        (encode(STATUS).replace(b'"a"', b'"\xff"'), "broken_bytes", ""),
        (encode(STATUS)[:-1] + b',"x":' + b"[" * 99_999 + b"]" * 99_999 + b"}", "broken_bytes", ""),
        (b"[" * 99_999, "broken_bytes", ""),
        (b"[1]", "no_record", ""),
        (b'"hello"', "no_record", ""),
        (changed(STATUS, topic=...), "missing", "topic"),
        (changed(STATUS, topic=None), "missing", "topic"),
        (changed(STATUS, topic=1), "wrong_type", "topic"),
        (changed(STATUS, topic="card.status.v9"), "unknown_version", "topic"),
        (changed(STATUS, topic="card.status"), "other_topic", "topic"),
        (changed(STATUS, topic="core.repay"), "other_topic", "topic"),
        (encode(OVERDUE), "other_topic", "topic"),
        (changed(STATUS, customer_id=None), "missing", "customer_id"),
        (changed(STATUS, customer_id=...), "missing", "customer_id"),
        (changed(STATUS, customer_id="7"), "wrong_type", "customer_id"),
        (changed(STATUS, customer_id=7.5), "wrong_type", "customer_id"),
        (changed(STATUS, customer_id=True), "wrong_type", "customer_id"),
        (changed(STATUS, customer_id=-1), "out_of_range", "customer_id"),
        (changed(STATUS, customer_id=2**63), "out_of_range", "customer_id"),
        (changed(STATUS, event_id=""), "out_of_range", "event_id"),
        (changed(STATUS, event_id="x" * 129), "out_of_range", "event_id"),
        (changed(STATUS, event_id=17), "wrong_type", "event_id"),
        (changed(STATUS, status_code=9), "out_of_range", "status_code"),
        (changed(STATUS, occurred_at="2005-09-30T20:00:00"), "no_zone", "occurred_at"),
        (changed(STATUS, occurred_at="yesterday"), "no_time", "occurred_at"),
        (changed(STATUS, occurred_at=[1]), "wrong_type", "occurred_at"),
        (changed(STATUS, known_at="2005-09-29T20:00:00Z"), "known_too_early", "known_at"),
    ],
)
def test_every_reason(value, reason, field):
    assert judge("card.status.v1", value) == Rejected(Reason(reason), field)


def test_a_word_that_is_not_listed():
    said = judge("service.message.v1", changed(MESSAGE, channel="pigeon"))
    assert said == Rejected(Reason.UNKNOWN_VALUE, "channel")


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_the_windows_judge_times(time):
    event = judge("card.status.v1", changed(STATUS, occurred_at=time, known_at=time))
    assert event.occurred_at.year in (1970, 2999)


def possible(topic):
    """All that may ever be said of a record, known before it comes."""
    return {
        Rejected(reason, field)
        for reason in Reason
        for field in ("", "topic", *event_fields(topic))
    }


@given(st.sampled_from(TOPICS), st.data())
def test_a_reason_says_nothing_of_the_record(topic, data):
    """Whatever came, what is said is one of a few sentences that were there before it."""
    event = data.draw(events)
    told = msgspec.json.decode(encode(event))
    values = st.none() | st.text() | st.integers(-(2**70), 2**70) | st.floats() | st.binary()
    for name in data.draw(st.lists(st.sampled_from(sorted(told)))):
        told[name] = data.draw(values)
    value = data.draw(st.sampled_from([msgspec.json.encode(told), data.draw(st.binary())]))
    said = judge(topic, value)
    assert isinstance(said, TYPES[TOPICS.index(topic)]) or said in possible(topic)


def test_values_make_an_event_or_a_reason():
    told = {name: getattr(STATUS, name) for name in event_fields("card.status.v1")}
    assert event_of("card.status.v1", told) == STATUS
    said = event_of("card.status.v1", told | {"status_code": 2**70})
    assert said == Rejected(Reason.OUT_OF_RANGE, "status_code")
