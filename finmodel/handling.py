"""How long customers wait and are attended to, and whether they come again for the same.

Messages come in, contacts with their times go out; contacts come in, figures of a group go out.
What a contact is about is told by whoever asks. Pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import dropwhile
from typing import Final, NamedTuple

from msgspec import Struct

from finmodel.conversations import Message

PAUSE: Final = timedelta(minutes=30)
"""Whatever is said so long after an agent's message begins another contact."""
AGAIN: Final = timedelta(days=7)
"""Whoever writes about the same within so long was not helped at the first contact."""


class Contact(Struct, frozen=True, kw_only=True):
    """A stretch of one conversation without a pause."""

    began: datetime
    ended: datetime
    response_s: float | None = None
    """From a customer's message that began it to the first of an agent."""
    handled_s: float | None = None
    """From its first message to an agent's last, where one answered the customer."""


class About(NamedTuple):
    """Whose contact it was and what about; no matter where nobody knows."""

    customer: bytes
    matter: str
    contact: Contact


class Handling(Struct, frozen=True, kw_only=True):
    """Figures of a group of contacts; None where there is nothing to count."""

    contacts: int
    """In which the customer wrote."""
    unanswered: int
    """In which no agent wrote behind the customer's first words."""
    response_median_s: float | None
    response_p90_s: float | None
    handled_median_s: float | None
    handled_p90_s: float | None
    known: int
    """Begun by the customer, answered, about a known matter, and over for long enough."""
    resolved: int
    """Of them, after which the customer did not come again for the same."""


def parted(messages: Iterable[Message]) -> list[tuple[Message, ...]]:
    """A conversation's contacts: one ends where an agent's message stands last for a `PAUSE`.

    A customer who waits for an answer, however long, is in one contact. What systems say is left
    out.

    >>> def said(who, at):
    ...     when = datetime.fromisoformat(f"2026-06-03T{at}+08:00")
    ...     return Message(id=at, who=who, at=when, text="您好")
    >>> talk = [said("customer", "09:00"), said("agent", "09:45"), said("customer", "10:15"),
    ...         said("agent", "10:16"), said("customer", "10:47")]
    >>> [[one.id for one in part] for part in parted(talk)]
    [['09:00', '09:45', '10:15', '10:16'], ['10:47']]
    """
    found: list[list[Message]] = []
    for one in messages:
        if one.who == "system":
            continue
        last = found[-1][-1] if found else None
        if last is None or (last.who == "agent" and one.at - last.at > PAUSE):
            found.append([])
        found[-1].append(one)
    return [tuple(part) for part in found]


def contact_of(part: Sequence[Message]) -> Contact:
    """The times of one contact, whose messages are in order and at least one.

    >>> def said(who, at):
    ...     when = datetime.fromisoformat(f"2026-06-03T{at}+08:00")
    ...     return Message(id=at, who=who, at=when, text="您好")
    >>> one = contact_of([said("customer", "09:00"), said("agent", "09:01"),
    ...                   said("customer", "09:02"), said("agent", "09:04"),
    ...                   said("customer", "09:05")])
    >>> one.response_s, one.handled_s, str(one.ended.time())
    (60.0, 240.0, '09:05:00')
    >>> contact_of([said("agent", "09:00"), said("customer", "09:01")]).handled_s is None
    True
    """
    began, heard = part[0].at, dropwhile(lambda one: one.who != "customer", part)
    replies = [one.at for one in heard if one.who == "agent"]
    answered = (replies[0] - began).total_seconds() if replies else None
    return Contact(
        began=began,
        ended=part[-1].at,
        response_s=answered if part[0].who == "customer" else None,
        handled_s=(replies[-1] - began).total_seconds() if replies else None,
    )


def came_again(every: Sequence[About]) -> list[bool]:
    """Of each contact, whether its customer began another about the same matter soon after it.

    >>> def about(customer, matter, day):
    ...     at = datetime.fromisoformat(f"2026-06-{day:02}T09:00:00+08:00")
    ...     return About(customer, matter, Contact(began=at, ended=at))
    >>> came_again([about(b"u", "due_date", 1), about(b"u", "due_date", 8),
    ...             about(b"u", "due_date", 16), about(b"u", "app_trouble", 2),
    ...             about(b"v", "due_date", 2)])
    [True, False, False, False, False]
    """
    begins: dict[tuple[bytes, str], list[datetime]] = defaultdict(list)
    for one in every:
        begins[one.customer, one.matter].append(one.contact.began)
    return [
        any(
            one.contact.began < at <= one.contact.ended + AGAIN
            for at in begins[one.customer, one.matter]
        )
        for one in every
    ]


def figures(group: Sequence[tuple[About, bool]], now: datetime) -> Handling:
    """What a group of contacts, each with whether its customer came again, amounts to."""
    contacts = [about.contact for about, _ in group]
    responses = [one.response_s for one in contacts if one.response_s is not None]
    handled = [one.handled_s for one in contacts if one.handled_s is not None]
    known = [again for about, again in group if _is_known(about, now)]
    unanswered = sum(one.handled_s is None for one in contacts)
    return Handling(
        contacts=len(contacts),
        unanswered=unanswered,
        response_median_s=nearest_rank(responses, 0.5),
        response_p90_s=nearest_rank(responses, 0.9),
        handled_median_s=nearest_rank(handled, 0.5),
        handled_p90_s=nearest_rank(handled, 0.9),
        known=len(known),
        resolved=known.count(False),
    )


def nearest_rank(values: Iterable[float], share: float) -> float | None:
    """The least value that a share of the values does not exceed; None of none.

    >>> nearest_rank([4.0, 1.0, 3.0, 2.0], 0.5), nearest_rank([4.0, 1.0], 0.9)
    (2.0, 4.0)
    """
    order = sorted(values)
    return order[max(math.ceil(share * len(order)), 1) - 1] if order else None


def _is_known(about: About, now: datetime) -> bool:
    one = about.contact
    begun_and_answered = one.response_s is not None and bool(about.matter)
    return begun_and_answered and one.ended + AGAIN <= now
