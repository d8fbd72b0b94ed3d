"""Whether an agent may write first: hours and frequency, for collection and for marketing.

What a conversation is for, what was said to the customer in all of theirs and by campaigns, and a
time come in; the rules that a message now would break go out, with when it may be sent. An answer
is never held up, at whatever hour the customer writes. Hours are those of GB/T 45251-2025
(collection: none from 22:00 to 08:00), caps a lender's own. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from finmodel.clock import CHINA, china_day
from finmodel.conversations import Message, Scenario

Rule: TypeAlias = Literal["contact_hours", "contact_frequency", "contact_stopped"]
Kind: TypeAlias = Literal["asked", "answer", "contact", "more"]
"""The customer's, an answer to it, one that nobody asked for, or what goes on with that one."""
NIGHT: Final = (time(22), time(8))
"""Nobody is written to first from then until then."""
ANSWERING: Final = timedelta(minutes=30)
"""What an agent sends so soon after another message of theirs belongs to it."""


class Cap(Struct, frozen=True):
    """At most so many contacts within so many days of the calendar, today among them."""

    contacts: int
    days: int


CAPS: Final[Mapping[Scenario, tuple[Cap, ...]]] = {
    "collection": (Cap(3, 1),),
    "marketing": (Cap(1, 7), Cap(3, 30)),
}
"""Of one customer, by what a conversation is for; whatever is not here has no limits."""


class Elsewhere(Struct, frozen=True):
    """What is known of a customer beside their conversations."""

    contacts: tuple[datetime, ...] = ()
    """When campaigns wrote to them."""
    stopped: bool = False
    """Whether they said stop, or may be offered nothing for another reason."""


class Held(Struct, frozen=True):
    """A rule that writing first now would break."""

    rule: Rule
    until: datetime | None
    """From then on it would not; None where no time is known that ends it."""


def held(
    scenario: Scenario,
    here: Sequence[Message],
    log: Iterable[Sequence[Message]],
    now: datetime,
    elsewhere: Elsewhere = Elsewhere(),  # noqa: B008 # frozen
) -> tuple[Held, ...]:
    """The rules that a message now would break; none for an answer.

    `here` are the messages of the conversation, `log` those of every conversation of the same
    customer for the same purpose, this one too, each in the order of their times. What is known
    from elsewhere is of marketing, and counts for it alone.

    >>> def said(who, at):
    ...     when = datetime.fromisoformat(f"2026-06-03T{at}+08:00")
    ...     return Message(id=at, who=who, at=when, text="您好")
    >>> night = datetime.fromisoformat("2026-06-03T23:00+08:00")
    >>> [(one.rule, str(one.until)) for one in held("collection", [], [], night)]
    [('contact_hours', '2026-06-04 08:00:00+08:00')]
    >>> held("collection", [said("customer", "22:59")], [], night), held("repayment", [], [], night)
    ((), ())
    """
    caps = CAPS.get(scenario, ())
    if not caps or is_answer(here, now):
        return ()
    beside = elsewhere if scenario == "marketing" else Elsewhere()
    found = [Held("contact_stopped", None)] if beside.stopped else []
    if (morning := _morning(now)) is not None:
        found.append(Held("contact_hours", morning))
    if not _soon(here, now):  # else it belongs to the contact that was made just now
        said = (at for one in log for at in contacts(one))
        made = sorted([*said, *beside.contacts])
        frees = (_frees(made, cap, now) for cap in caps)
        if later := [at for at in frees if at is not None]:
            found.append(Held("contact_frequency", max(later)))
    return tuple(found)


def is_answer(here: Sequence[Message], now: datetime) -> bool:
    """Whether a message now answers the customer, or goes on with an answer."""
    last = _kinds(here)[-1:]
    return bool(last) and (last[0][1] == "asked" or (last[0][1] == "answer" and _soon(here, now)))


def _soon(here: Sequence[Message], now: datetime) -> bool:
    """Whether it belongs to what was said just now."""
    last = next((one for one in reversed(here) if one.who != "system"), None)
    return last is not None and now - last.at <= ANSWERING


def contacts(said: Sequence[Message]) -> list[datetime]:
    """When an agent wrote first in a conversation; several messages in a row are one contact."""
    return [one.at for one, kind in _kinds(said) if kind == "contact"]


def _kinds(said: Sequence[Message]) -> list[tuple[Message, Kind]]:
    """What each message of a person's is, in the order in which they were said."""
    found: list[tuple[Message, Kind]] = []
    for one in said:
        if one.who != "system":
            found.append((one, _kind(one, found[-1] if found else None)))
    return found


def _kind(one: Message, before: tuple[Message, Kind] | None) -> Kind:
    if one.who == "customer":
        return "asked"
    if before is None:
        return "contact"
    last, kind = before
    if kind == "asked":
        return "answer"
    if one.at - last.at > ANSWERING:
        return "contact"
    return "answer" if kind == "answer" else "more"


def _morning(now: datetime) -> datetime | None:
    """When the night ends that it is now; None by day."""
    here = now.astimezone(CHINA)
    begins, ends = NIGHT
    if ends <= here.time() < begins:
        return None
    day = here.date() + timedelta(days=here.time() >= begins)
    return datetime.combine(day, ends, CHINA)


def _frees(made: Sequence[datetime], cap: Cap, now: datetime) -> datetime | None:
    """The day on which there is room under a cap again; None where there is room now."""
    today = china_day(now)
    days = [china_day(at) for at in made if at <= now]
    within = [day for day in days if (today - day).days < cap.days]
    if len(within) < cap.contacts:
        return None
    oldest = within[-cap.contacts]
    return datetime.combine(oldest + timedelta(days=cap.days), NIGHT[1], CHINA)
