"""What must follow a conversation, and by when: 工单.

A kind and the day on which it was opened come in, the day by which it is due goes out; a ticket and
a day, whether it is late. Where tickets are kept, and who may see them, is not known here. Pure.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from finmodel.errors import BadInput

TicketKind: TypeAlias = Literal[
    "complaint", "refund", "posting", "hardship", "dispute", "promise", "other"
]
COMPLAINT_DAYS: Final = 15
COMPLEX_DAYS: Final = 30
"""Within which a complaint is decided and answered, and within which where it is complex:
银行业保险业消费投诉处理管理办法 (银保监会令 2020 年第 3 号), article 21; calendar days."""
OTHER_DAYS: Final = 3
"""Where nobody says a day: ours, no law's."""


class Ticket(Struct, frozen=True, kw_only=True):
    """One thing that must still be done for a customer."""

    id: str
    conversation: str
    agent: str
    kind: TicketKind
    opened: datetime
    due: date
    """In China; its whole day is left."""
    is_complex: bool = False
    closed: datetime | None = None
    closed_by: str = ""

    def is_overdue(self, today: date) -> bool:
        """Whether it is open, and its day is over."""
        return self.closed is None and today > self.due


class FollowUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent says must follow."""

    kind: TicketKind
    due: date | None = None
    """None: as `due_of` says. Of a complaint never later than that."""
    is_complex: bool = False
    note: Annotated[str, Meta(max_length=2_000)] = ""

    def __repr__(self) -> str:
        return f"FollowUp({self.kind})"


def due_of(kind: TicketKind, opened: date, is_complex: bool = False) -> date:
    """The last day on which it is in time, where nobody says another.

    >>> day = date(2026, 6, 3)
    >>> str(due_of("complaint", day)), str(due_of("complaint", day, is_complex=True))
    ('2026-06-18', '2026-07-03')
    """
    if kind == "complaint":
        return opened + timedelta(COMPLEX_DAYS if is_complex else COMPLAINT_DAYS)
    return opened + timedelta(OTHER_DAYS)


def required_by(asked: FollowUp, opened: date) -> date:
    """The day that a ticket gets; BadInput for one that has passed or is later than allowed."""
    latest = due_of(asked.kind, opened, asked.is_complex)
    due = asked.due or latest
    if due < opened:
        raise BadInput(
            f"{due} has passed", where="follow_up.due", remedy="name today or a later day"
        )
    if asked.kind == "complaint" and due > latest:
        days = COMPLEX_DAYS if asked.is_complex else COMPLAINT_DAYS
        raise BadInput(
            f"a complaint is answered within {days} days, by {latest}",
            where="follow_up.due",
            remedy="name an earlier day, or say that it is complex",
        )
    return due
