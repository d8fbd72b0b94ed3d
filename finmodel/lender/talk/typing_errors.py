"""What fingers and input methods do to a customer's words.

A text and chance come in, one or several texts go out: a homophone, a dropped or doubled character,
two that changed places, one message sent as two. Digits and letters stay as they are. Pure.
"""

from __future__ import annotations

import re
from functools import cache
from random import Random
from typing import Final

from finmodel.lender.talk.phrasings import words
from finmodel.lender.talk.templates import pick

_IDEOGRAPHS: Final = re.compile("[\u4e00-\u9fff]{2,}")
_PAUSES: Final = re.compile("[，。！？…,]+")


def mistyped(text: str, chance: Random, keep: tuple[str, ...] = ()) -> str:
    """The text with one slip; what stands in `keep` is not touched.

    >>> mistyped("怎么还款", Random(3)) != "怎么还款"
    True
    """
    kept = [(at, at + len(part)) for part in keep if (at := text.find(part)) >= 0]
    if chance.random() < 0.5:
        found = [
            one for one in _words().finditer(text) if not _touches(one.start(), one.end(), kept)
        ]
        if found:
            one = pick(found, chance)
            wrong = pick(words().typing.homophones[one[0]], chance)
            return text[: one.start()] + wrong + text[one.end() :]
    runs = [run for run in _IDEOGRAPHS.finditer(text) if not _touches(*run.span(), kept)]
    if not runs:
        return text
    run = pick(runs, chance)
    at = run.start() + int(chance.random() * (run.end() - run.start() - 1))
    first, second = text[at], text[at + 1]
    slips = (second, first, first + first + second, second + first)
    return text[:at] + pick(slips, chance) + text[at + 2 :]


def split_up(text: str, chance: Random) -> list[str]:
    """The text as the messages that it is sent in: one, or two parted at a pause or anywhere."""
    pauses = [
        one for one in _PAUSES.finditer(text) if one.start() > 1 and one.end() < len(text) - 1
    ]
    if pauses:
        one = pick(pauses, chance)
        return [text[: one.start()], text[one.end() :]]
    runs = [run for run in _IDEOGRAPHS.finditer(text) if run.end() - run.start() >= 6]
    if not runs:
        return [text]
    at = runs[0].start() + 2 + int(chance.random() * (runs[0].end() - runs[0].start() - 4))
    return [text[:at], text[at:]]


def _touches(start: int, end: int, kept: list[tuple[int, int]]) -> bool:
    return any(start < last and first < end for first, last in kept)


@cache
def _words() -> re.Pattern[str]:
    return re.compile("|".join(sorted(words().typing.homophones, key=len, reverse=True)))
