"""Any number of service conversations of the simulated lender, the same for a seed.

A count and a seed come in, conversations go out one by one, with the customer behind each. A
customer writes three times, and stands in one split; conversation n is the same however many.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Final

from msgspec import Struct

from finmodel.conversations import Conversation
from finmodel.errors import BadInput
from finmodel.lender.talk.customers import Customer, customer
from finmodel.lender.talk.dialogue import Dialogue

START: Final = date(2026, 3, 2)
DAYS: Final = 240
EACH: Final = 3
"""Conversations of a customer."""


class Written(Struct, frozen=True):
    """A conversation, and what is true of it."""

    conversation: Conversation
    customer: Customer
    as_of: date
    personal: tuple[tuple[str, str], ...]
    """Personal details that a customer gave: the message's id and the text."""


def write(
    count: int, seed: int = 0, start: date = START, days: int = DAYS, *, further: bool = False
) -> Iterator[Written]:
    """So many conversations; a customer's first lies within `days` from `start`.

    With `further`, customers of the training split also ask in the families of further/*.yaml.
    Raises `BadInput` where scripts are not yet valid on `start`.
    """
    if count < 0 or days < 1 or start < START:
        what = f"{count} conversations within {days} days from {start}"
        raise BadInput(what, where="talk", remedy=f"ask for 0 or more, from {START} on")
    for number in range(0, count, EACH):
        who = customer(seed, number // EACH, start, days)
        numbers = range(number, min(number + EACH, count))
        yield from _three(who, seed, numbers, further)


def _three(who: Customer, seed: int, numbers: range, further: bool) -> Iterator[Written]:
    day, account, facts = who.day, None, None
    for number in numbers:
        chance = Random(f"talk {seed} {number}")
        gap = int(chance.random() ** 3 * 40)
        if gap or account is None:
            day, facts = day + timedelta(gap), None
            account = who.account(day)
        talk = Dialogue(who, day, account, chance, further=further)
        talk.known = facts
        talk.run()
        facts = talk.known
        yield Written(talk.finished(number, seed), who, day, tuple(talk.personal))
