"""Events and their one form in bytes (JSON): what happens to a customer, in types and topics.

In come events of `behaviours.py`, or lines of JSON; out come lines, or events that keep every
bound of their type. What a line says beyond its version's fields is kept out; a broken one is named
by its place. This module knows no log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from finmodel.behaviours import (
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
)
from finmodel.errors import BadInput

__all__ = [
    "TOPICS",
    "TYPES",
    "AccountStatusObserved",
    "Event",
    "InstalmentDue",
    "LoanApplied",
    "LoanDrawn",
    "LoanOverdue",
    "LoanRepaid",
    "LoggedIn",
    "MessageExchanged",
    "OfferClicked",
    "OfferShown",
    "PageViewed",
    "RepaymentReceived",
    "StatementIssued",
    "SuggestionJudged",
    "decode",
    "decode_lines",
    "encode",
    "encode_lines",
    "topic_of",
]

CardEvent: TypeAlias = StatementIssued | RepaymentReceived | AccountStatusObserved
LoanEvent: TypeAlias = LoanApplied | LoanDrawn | InstalmentDue | LoanRepaid | LoanOverdue
TouchEvent: TypeAlias = LoggedIn | PageViewed | OfferShown | OfferClicked | MessageExchanged
Event: TypeAlias = CardEvent | LoanEvent | TouchEvent | SuggestionJudged
TYPES: tuple[type[Event], ...] = (
    StatementIssued,
    RepaymentReceived,
    AccountStatusObserved,
    LoggedIn,
    PageViewed,
    LoanApplied,
    LoanDrawn,
    InstalmentDue,
    LoanRepaid,
    LoanOverdue,
    OfferShown,
    OfferClicked,
    MessageExchanged,
    SuggestionJudged,
)
TOPICS: tuple[str, ...] = tuple(str(kind.__struct_config__.tag) for kind in TYPES)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises: also for text that is no UTF-8, and lists in lists without end."""


def topic_of(event: Event) -> str:
    """The topic that an event belongs to.

    >>> TOPICS[:5]
    ('card.statement.v1', 'card.repayment.v1', 'card.status.v1', 'app.login.v1', 'app.page_view.v1')
    """
    return str(event.__struct_config__.tag)


def encode_lines(events: Iterable[Event]) -> bytes:
    """Events as JSON, one a line, each line ended."""
    return _encoder.encode_lines(events)


def encode(event: Event) -> bytes:
    """One event as JSON, in one line without its end."""
    return _encoder.encode(event)


def decode(data: bytes, where: str = "event") -> Event:
    """One event from JSON.

    >>> decode(b'{"topic":"card.status.v9"}', "card.status.v1[0]@17")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    finmodel.errors.BadInput: card.status.v1[0]@17: Invalid value 'card.status.v9' - at `$.topic`; \
send one of card.statement.v1, card.repayment.v1, card.status.v1, app.login.v1, ...
    """
    try:
        return _decoder.decode(data)
    except _BROKEN as error:
        raise BadInput(
            str(error), where=where, remedy=f"send one of {', '.join(TOPICS)}"
        ) from error


def decode_lines(data: bytes, where: str = "events", first: int = 0) -> list[Event]:
    """Events from JSON lines; an error's place has the line's number, counted from `first`."""
    try:
        return _decoder.decode_lines(data)
    except _BROKEN as error:
        for number, line in enumerate(data.splitlines(), start=first):
            decode(line, f"{where}@{number}")
        raise BadInput(str(error), where=where) from error
