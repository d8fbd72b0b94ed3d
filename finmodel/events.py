"""What happens to a customer: frozen, versioned event types and their one form in bytes (JSON).

An event says when it happened and when the lender knew; money is an integer in minor units. A type
is tagged with its topic, `<domain>.<event>.v<n>`, and another shape is another version. An unknown
field is refused: no personal attribute slips into behaviour. This module knows no log.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from finmodel.errors import BadInput

CustomerId: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Minor: TypeAlias = Annotated[int, Meta(ge=-(10**15), le=10**15)]
"""Money in minor units of its currency: TWD 12.50 is 1250."""
Currency: TypeAlias = Annotated[str, Meta(min_length=3, max_length=3)]
"""An ISO 4217 code."""
EventId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
"""Given by the producer: a second sending of the same event has the same one."""
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
KnownAt: TypeAlias = Time
"""When the lender knew: no feature as of an earlier time may use the event."""
StatusCode: TypeAlias = Annotated[int, Meta(ge=-2, le=8)]
"""-2 no use, -1 paid in full, 0 revolving, 1–8 months of delay (8: eight and more)."""


def _check_order(occurred_at: datetime, known_at: datetime) -> None:
    if known_at < occurred_at:
        raise ValueError("`known_at` is before `occurred_at`")


class StatementIssued(
    Struct,
    tag_field="topic",
    tag="card.statement.v1",
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    gc=False,
):
    """A monthly card statement: the limit, and the balance owed (negative: a credit)."""

    event_id: EventId
    customer_id: CustomerId
    occurred_at: Time
    known_at: KnownAt
    currency: Currency
    limit_minor: Minor
    balance_minor: Minor

    def __post_init__(self) -> None:
        _check_order(self.occurred_at, self.known_at)


class RepaymentReceived(
    Struct,
    tag_field="topic",
    tag="card.repayment.v1",
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    gc=False,
):
    """Money that a customer paid in; a month without one is a month in which nothing was paid."""

    event_id: EventId
    customer_id: CustomerId
    occurred_at: Time
    known_at: KnownAt
    currency: Currency
    amount_minor: Annotated[int, Meta(gt=0, le=10**15)]

    def __post_init__(self) -> None:
        _check_order(self.occurred_at, self.known_at)


class AccountStatusObserved(
    Struct,
    tag_field="topic",
    tag="card.status.v1",
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    gc=False,
):
    """The repayment status of an account at the end of a month."""

    event_id: EventId
    customer_id: CustomerId
    occurred_at: Time
    known_at: KnownAt
    status_code: StatusCode

    def __post_init__(self) -> None:
        _check_order(self.occurred_at, self.known_at)


Event: TypeAlias = StatementIssued | RepaymentReceived | AccountStatusObserved
TYPES: tuple[type[Event], ...] = (StatementIssued, RepaymentReceived, AccountStatusObserved)
TOPICS: tuple[str, ...] = tuple(str(kind.__struct_config__.tag) for kind in TYPES)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def topic_of(event: Event) -> str:
    """The topic that an event belongs to.

    >>> TOPICS
    ('card.statement.v1', 'card.repayment.v1', 'card.status.v1')
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

    >>> decode(b'{"topic":"card.status.v9"}', "card.status.v1[0]@17")
    Traceback (most recent call last):
    finmodel.errors.BadInput: card.status.v1[0]@17: Invalid value 'card.status.v9' - at `$.topic`; \
send one of card.statement.v1, card.repayment.v1, card.status.v1
    """
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise BadInput(
            str(error), where=where, remedy=f"send one of {', '.join(TOPICS)}"
        ) from error


def decode_lines(data: bytes, where: str = "events", first: int = 0) -> list[Event]:
    """Events from JSON lines; an error's place has the line's number, counted from `first`."""
    try:
        return _decoder.decode_lines(data)
    except msgspec.DecodeError as error:
        for number, line in enumerate(data.splitlines(), start=first):
            decode(line, f"{where}@{number}")
        raise BadInput(str(error), where=where) from error
