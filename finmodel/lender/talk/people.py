"""Made-up people: names, telephones, identity cards with their check digit, bank cards with Luhn's.

Chance comes in, text goes out. Nobody real is meant; the numbers only have a real one's shape, so
that what masks personal data has something to find.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Final

from finmodel.lender.talk.phrasings import words
from finmodel.lender.talk.templates import pick

PERSONAL: Final = frozenset(
    ("name", "phone", "id_number", "id_tail", "card", "email", "wechat", "address", "plate")
)
"""The kinds of details that are made up."""
_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_BORN: Final = date(1962, 1, 1)
_PHONES: Final = ("13", "15", "16", "17", "18", "19")
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def name(chance: Random) -> str:
    """A surname and one or two characters."""
    known = words().names
    given = pick(known.given, chance) + (pick(known.given, chance) if chance.random() < 0.6 else "")
    return pick(known.surnames, chance) + given


def phone(chance: Random) -> str:
    """A mobile number's eleven digits."""
    return pick(_PHONES, chance) + digits(9, chance)


def id_number(chance: Random) -> str:
    """An identity card's eighteen characters (GB 11643-1999: ISO 7064 MOD 11-2)."""
    born = _BORN + timedelta(int(chance.random() * 16_000))
    body = f"{pick(words().places.regions, chance)}{born:%Y%m%d}{digits(3, chance)}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def card(chance: Random, tail: str = "") -> str:
    """A bank card's nineteen digits: Luhn's check holds, and it ends in `tail` where one is given.

    >>> len(card(Random(1), "1234")), card(Random(1), "1234")[-4:]
    (19, '1234')
    """
    body = "62" + digits(16 - len(tail), chance)
    if tail:
        return next(one for n in range(10) if luhn(one := f"{body}{n}{tail}"))
    return next(one for n in range(10) if luhn(one := f"{body}{n}"))


def luhn(number: str) -> bool:
    """Whether a number's last digit checks the others.

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    doubled = [int(digit) * 2 for digit in number[-2::-2]]
    plain = [int(digit) for digit in number[::-2]]
    return (sum(plain) + sum(two // 10 + two % 10 for two in doubled)) % 10 == 0


def detail(kind: str, chance: Random) -> str:
    """A made-up detail of one of the `PERSONAL` kinds."""
    places = words().places
    if kind == "email":
        return f"{pick(_LETTERS, chance).lower()}{digits(6, chance)}@example.com"
    if kind == "wechat":
        return f"wx_{pick(_LETTERS, chance).lower()}{digits(7, chance)}"
    if kind == "plate":
        return f"{pick(places.plates, chance)}·{pick(_LETTERS, chance)}{digits(4, chance)}"
    if kind == "address":
        road = f"{pick(places.cities, chance)}{pick(places.streets, chance)}"
        return f"{road}{1 + int(chance.random() * 300)}号{1 + int(chance.random() * 30)}栋"
    if kind == "id_tail":
        return id_number(chance)[-6:]
    return {"name": name, "phone": phone, "id_number": id_number, "card": card}[kind](chance)


def digits(count: int, chance: Random) -> str:
    """So many digits."""
    return f"{int(chance.random() * 10**count):0{count}d}"
