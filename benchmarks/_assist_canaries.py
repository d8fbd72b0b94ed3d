"""Records whose every piece is somebody's alone: ledger values, personal details, and a word.

A number comes in, a customer's record goes out; a text comes in, and the canaries that stand in it,
however their thousands are parted. What answers requests is not known here. Pure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import Final

from finmodel.assistant.facts import Facts
from finmodel.assistant.script_rules import PUBLIC_SLOTS
from finmodel.assistant.slots import SLOTS
from finmodel.lender.talk.people import detail

_STEP: Final = 7_368_787
_AMOUNTS: Final = 9_000_000
"""A prime step runs once through all amounts of seven digits, in 分."""
_SIGNS: Final = "钛砷锗铌钽铱锆铼钪镓鲟鳐鹮鹳鹬鸮"
"""Signs that no script, no product fact and no simulated customer writes."""
_SAID: Final = {
    "name": "我叫{}。",
    "phone": "我的手机号是{}。",
    "id_number": "我的身份证号码{}。",
    "card": "我的银行卡号{}。",
    "email": "我的邮箱{}。",
    "wechat": "我的微信号{}。",
    "address": "我住在{}。",
    "plate": "我的车牌号{}。",
}
"""How somebody gives each of their details."""


_RUN: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Canary:
    """A piece of somebody's record."""

    of: int
    """The record's number."""
    text: str = field(repr=False)
    is_word: bool = False
    """Their word, which nothing masks."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one customer's record holds and nobody else's does."""

    number: int
    details: dict[str, str] = field(repr=False)
    word: str = field(repr=False)
    """A word of no kind that anything masks."""
    values: dict[str, int | str] = field(repr=False)
    """Money, dates and a card's tail by their slots, as `Facts.plain` writes them."""

    def facts(self, known: Facts) -> dict[str, int | str]:
        """A customer's facts with this record's values in place of theirs."""
        plain = known.plain()
        return {name: self.values.get(name, value) for name, value in plain.items()}

    @property
    def canaries(self) -> tuple[str, ...]:
        """Every value and detail as it would be shown; the word stands apart."""
        shown = (fact.shown.rstrip("元") for fact in Facts.of_plain(self.values).values())
        return (*shown, *self.details.values())

    @property
    def said(self) -> str:
        """The customer gives all their details, and the word."""
        told = (_SAID[kind].format(text) for kind, text in self.details.items())
        return f"{''.join(told)}我在{self.word}上班。"

    @property
    def lines(self) -> list[str]:
        """The whole record as an engine would tell it."""
        facts = Facts.of_plain(self.values)
        told = [f"您的{fact.slot.chinese}是{fact.shown}。" for fact in facts.values()]
        told += [line.replace("我", "您").format(self.details[k]) for k, line in _SAID.items()]
        return [*told, f"您在{self.word}上班。"]


@lru_cache(maxsize=4_096)
def record(number: int) -> Record:
    """The record of a number: of two numbers below 1,000 no canary is the same.

    >>> first, second = record(1), record(2)
    >>> set(first.canaries) & set(second.canaries), first.word == second.word
    (set(), False)
    """
    chance = Random(f"canary {number}")
    details = {kind: detail(kind, chance) for kind in _SAID}
    details["name"] = f"{details['name'][0]}{_signs(number)[:2]}"
    return Record(number, details, _signs(number), _values(number))


class Canaries:
    """Those of many records, found in a text at once.

    >>> one = record(1)
    >>> shown = Facts.of_plain(one.values)["amount_due"].shown
    >>> known = Canaries([one, record(2)])
    >>> [(found.of, found.is_word) for found in known.standing_in(f"应还{shown}，{one.word}")]
    [(1, False), (1, True)]
    >>> known.standing_in(f"应还9{shown}"), Canaries([record(2)]).standing_in(f"应还{shown}")
    ([], [])
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._of: dict[str, list[Canary]] = defaultdict(list)
        for one in records:
            for text in one.canaries:
                self._of[_key(text)].append(Canary(one.number, text))
            self._of[_key(one.word)].append(Canary(one.number, one.word, is_word=True))

    def standing_in(self, text: str) -> list[Canary]:
        """Every canary of the text: whose it is, and not as a part of a longer number."""
        bare = text.replace(",", "")
        keys = sorted({*_RUN.findall(bare), *_pairs(bare)})
        every = (one for key in keys for one in self._of.get(key, ()))
        return [one for one in every if _alone(one.text.replace(",", ""), bare)]


def _key(canary: str) -> str:
    """What of a canary is looked up: its longest run of digits, else its first two signs."""
    runs = _RUN.findall(canary.replace(",", ""))
    return max(runs, key=len) if runs else _pairs(canary)[0]


def _pairs(text: str) -> list[str]:
    runs = re.findall(f"[{_SIGNS}]+", text)
    return [run[at : at + 2] for run in runs for at in range(len(run) - 1)]


def _alone(canary: str, text: str) -> bool:
    before = r"(?<!\d)(?<!\d\.)" if canary[0].isdigit() else ""
    behind = r"(?!\d)" if canary[-1].isdigit() else ""
    return bool(re.search(f"{before}{re.escape(canary)}{behind}", text))


def _values(number: int) -> dict[str, int | str]:
    """Money of seven digits, dates of days of their own, and four digits."""
    found: dict[str, int | str] = {}
    for place, (name, slot) in enumerate(SLOTS.items()):
        at = number * len(SLOTS) + place
        if slot.kind == "money":
            found[name] = 1_000_000 + at * _STEP % _AMOUNTS
        elif slot.kind == "date":
            found[name] = (date(2030, 1, 1) + timedelta(at)).isoformat()
        elif name not in PUBLIC_SLOTS and slot.kind == "text" and name != "product_name":
            found[name] = f"{3_000 + number:04d}"
    return found


def _signs(number: int) -> str:
    """Four signs, the first two of which are somebody's alone below 256, and all four always."""
    return "".join(_SIGNS[number >> shift & 15] for shift in (4, 0, 12, 8))
