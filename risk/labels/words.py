"""What a recipe may say of `bad` and of what is left out, in words, and the same as records.

A phrase goes in, a frozen condition comes out, or a ValueError that shows what can be written.
Pure: knows buckets of delay and nothing of any loan.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

BUCKETS: Final[tuple[tuple[str, int], ...]] = (
    ("C", 0),
    ("M1", 1),
    ("M2", 31),
    ("M3", 61),
    ("M4", 91),
    ("M5", 121),
    ("M6", 151),
    ("M7", 181),
)
"""Names of delay, each with its fewest days past due: M1 is 1–30, M6 151–180, M7 all above."""
BUCKET_NAMES: Final = tuple(name for name, _ in BUCKETS)
FPD_DAYS: Final = (1, 7, 15, 30)
"""First payment default: so many days after the first bill was due and it is not paid."""

OUTCOMES = "`dpd >= 30 ever by mob 6`, `dpd >= 30 at mob 6`, `M3+ ever by mob 6` or `fpd 30`"
EXCLUSIONS = "`dpd >= 30 at observation`, `dpd >= 60 ever before observation` or `mob < 3`"
_DAYS = r"(?:dpd\s*>=\s*(?P<days>\d{1,4})|(?P<bucket>M[1-7])\+)"
_OUTCOME = re.compile(rf"{_DAYS}\s+(?P<how>ever by|at)\s+mob\s+(?P<mob>\d{{1,2}})")
_FPD = re.compile(r"fpd\s*(?P<days>\d{1,3})")
_BEFORE = re.compile(rf"{_DAYS}\s+(?P<how>at|ever before)\s+observation")
_YOUNG = re.compile(r"mob\s*<\s*(?P<mob>\d{1,2})")


class Outcome(msgspec.Struct, frozen=True):
    """So many days past due at some time of the window, at a month's end, or on the first bill."""

    how: Literal["ever", "at", "fpd"]
    days: int
    mob: int | None = None
    """The month on book by whose end, or at whose end; of the first bill, as far as known."""


class Exclusion(msgspec.Struct, frozen=True):
    """What was known at the observation point and leaves a row out."""

    how: Literal["at", "before", "young"]
    least: int
    """Days past due; of the young, months on book."""


def outcome_of(text: str) -> Outcome:
    """The condition that a phrase says.

    >>> outcome_of("dpd >= 30 ever by mob 6")
    Outcome(how='ever', days=30, mob=6)
    >>> outcome_of("M3+ at mob 12"), outcome_of("fpd 7").days
    (Outcome(how='at', days=61, mob=12), 7)
    >>> outcome_of("late")
    Traceback (most recent call last):
    ValueError: 'late' says no outcome: write `dpd >= 30 ever by mob 6`, `dpd >= 30 at mob 6`, \
`M3+ ever by mob 6` or `fpd 30`
    """
    told = " ".join(text.split())
    if found := _FPD.fullmatch(told):
        if int(found["days"]) not in FPD_DAYS:
            raise ValueError(f"{text!r}: write fpd 1, 7, 15 or 30")
        return Outcome("fpd", int(found["days"]))
    if not (found := _OUTCOME.fullmatch(told)):
        raise ValueError(f"{text!r} says no outcome: write {OUTCOMES}")
    how: Literal["ever", "at"] = "at" if found["how"] == "at" else "ever"
    return Outcome(how, _days(found, text), _at_least_one(int(found["mob"]), text))


def exclusion_of(text: str) -> Exclusion:
    """What a phrase leaves out.

    >>> exclusion_of("dpd >= 30 at observation"), exclusion_of("mob < 3")
    (Exclusion(how='at', least=30), Exclusion(how='young', least=3))
    """
    told = " ".join(text.split())
    if found := _YOUNG.fullmatch(told):
        return Exclusion("young", _at_least_one(int(found["mob"]), text))
    if not (found := _BEFORE.fullmatch(told)):
        raise ValueError(f"{text!r} says no exclusion: write {EXCLUSIONS}")
    return Exclusion("at" if found["how"] == "at" else "before", _days(found, text))


def _days(found: re.Match[str], text: str) -> int:
    if found["bucket"]:
        return dict(BUCKETS)[found["bucket"]]
    return _at_least_one(int(found["days"]), text)


def _at_least_one(number: int, text: str) -> int:
    if number < 1:
        raise ValueError(f"{text!r}: the number must be 1 or more")
    return number
