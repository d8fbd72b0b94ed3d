"""What the assistant's service reads and writes of wrap-ups and tickets, as frozen records."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from finmodel.conversations import Scenario
from finmodel.tickets import FollowUp, TicketKind


class IntentSeen(Struct, frozen=True):
    """What was asked, in both languages."""

    name: str
    zh: str
    en: str


class PromiseSeen(Struct, frozen=True):
    """What the customer said they would pay."""

    slot: str
    """The fact that is the amount; empty where none is."""
    amount: str
    """As it is written; empty where there is none."""
    day: date | None

    def __repr__(self) -> str:
        return "PromiseSeen"


class FollowUpSeen(Struct, frozen=True):
    """What would follow, and by when at the latest."""

    kind: TicketKind
    due: date


class KeptSeen(Struct, frozen=True):
    """What was written down of the conversation before."""

    at: datetime
    text: str

    def __repr__(self) -> str:
        return "KeptSeen"


class DraftSeen(Struct, frozen=True):
    """A wrap-up as it would be written down."""

    conversation: str
    category: Scenario
    intents: tuple[IntentSeen, ...]
    text: str
    promise: PromiseSeen | None = None
    follow_up: FollowUpSeen | None = None
    kept: KeptSeen | None = None
    """The latest that was kept; another one will stand beside it."""

    def __repr__(self) -> str:
        return f"DraftSeen({self.conversation})"


class PromiseGiven(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent heard promised."""

    slot: str = ""
    """A fact of this customer; empty where the amount is none, and stands in the text."""
    day: date | None = None


class WrapUpGiven(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent writes down."""

    category: Scenario
    intents: Annotated[tuple[str, ...], Meta(max_length=20)] = ()
    text: Annotated[str, Meta(min_length=1, max_length=4_000)]
    promise: PromiseGiven | None = None
    follow_up: FollowUp | None = None
    """A complaint gets its ticket, whether it is named here or not."""

    def __repr__(self) -> str:
        return "WrapUpGiven"


class TicketSeen(Struct, frozen=True, kw_only=True):
    """One thing that must still be done."""

    id: str
    conversation: str
    agent: str
    kind: TicketKind
    opened: datetime
    due: date
    overdue: bool
    is_complex: bool
    note: str = ""
    """Empty also where the customer was erased."""
    closed: datetime | None = None

    def __repr__(self) -> str:
        return f"TicketSeen({self.id})"


class Tickets(Struct, frozen=True):
    """Open tickets, the first due first."""

    tickets: tuple[TicketSeen, ...]
    overdue: int
    """How many are late, also of those that are not shown."""


class TicketChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a ticket."""

    done: bool = False
    is_complex: bool = False
    """A complaint gets the time of a complex one."""
