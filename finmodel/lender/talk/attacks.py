"""What the guards must tell, as people would write it: families of phrasings, each dressed up.

The shipped `attacks.yaml`, a side (in, out), a part and a seed come in; `Attack`s go out, as many a
category as asked for, no two of the same words. What tells them is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from finmodel.errors import BadInput
from finmodel.lender.talk.disguises import PLAIN, disguised, disguises
from finmodel.lender.talk.people import PERSONAL, detail
from finmodel.lender.talk.phrasings import HOME
from finmodel.lender.talk.templates import Grammar, pick
from finmodel.recipe_text import convert, parse_yaml

Side: TypeAlias = Literal["outbound", "inbound"]
Part: TypeAlias = Literal["train", "held_out"]
SHIPPED: Final = HOME / "attacks.yaml"
LESSONS: Final = HOME / "guard_lessons"
_TRIES: Final = 20
_UNITS: Final = ("元", "块", ".50元")
_FIRST: Final = date(2026, 1, 1)


class Parts(Struct, frozen=True, forbid_unknown_fields=True):
    """One category's families."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]


class Tasks(Struct, frozen=True, forbid_unknown_fields=True):
    """What an injection asks for, by language."""

    zh: tuple[str, ...]
    en: tuple[str, ...]


class Attacks(Struct, frozen=True, forbid_unknown_fields=True):
    """attacks.yaml."""

    lists: dict[str, tuple[str, ...]]
    outbound: dict[str, Parts]
    inbound: dict[str, Parts]
    benign: dict[Side, tuple[str, ...]]
    tasks: Tasks


class Lessons(Struct, frozen=True, forbid_unknown_fields=True):
    """guard_lessons: a file for each field."""

    outbound: dict[str, tuple[str, ...]]
    inbound: dict[str, tuple[str, ...]]
    benign: dict[Side, tuple[str, ...]]


class Attack(Struct, frozen=True):
    """One case."""

    category: str
    family: str
    disguise: str
    turns: tuple[str, ...]
    """As written: one message, or what an earlier one began and the last one ends."""
    plain: str
    """Undisguised."""


@cache
def shipped() -> Attacks:
    """The shipped families; `BadInput` where a line stands in two parts."""
    given, _ = parse_yaml(SHIPPED)
    found = convert(given, Attacks, SHIPPED, "docs/guards.md")
    seen: set[str] = set()
    for side in (found.outbound, found.inbound):
        for name, parts in side.items():
            for text in (*parts.train, *parts.held_out):
                if text in seen:
                    remedy = "keep a family in one part of one category"
                    raise BadInput(f"{text!r} stands twice", where=name, remedy=remedy)
                seen.add(text)
    return found


def attacks(side: Side, part: Part, each: int, seed: int = 0) -> Iterator[Attack]:
    """So many cases of every category, families and disguises in turn.

    Raises `BadInput` where a category has not so many different ones.

    >>> one = next(attacks("outbound", "train", 1))
    >>> one.category, one.disguise, len(one.turns)
    ('promise', 'plain', 1)
    """
    for category, parts in getattr(shipped(), side).items():
        yield from _of_category(category, getattr(parts, part), each, f"{side} {part} {seed}")


def lookalikes(side: Side, each: int, seed: int = 0) -> Iterator[str]:
    """Harmless texts that only look like attacks: so many tries of each family, each text once."""
    yield from _harmless(shipped().benign[side], each, f"benign {side} {seed}")


def harmless(side: Side, each: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Harmless texts to learn of beside further families: (text, family), each text once."""
    for family in lessons().benign[side]:
        for text in _harmless((family,), each, f"harmless {side} {seed}"):
            yield text, family


def _harmless(families: tuple[str, ...], each: int, seed: str) -> Iterator[str]:
    seen: set[str] = set()
    for family in families:
        chance = Random(f"{seed} {family}")
        for _ in range(each):
            text = _say(family, chance)
            if text not in seen:
                seen.add(text)
                yield text


@cache
def lessons() -> Lessons:
    """Further families to learn of, by side and category."""
    names = Lessons.__struct_fields__
    given = {name: parse_yaml(LESSONS / f"{name}.yaml")[0] for name in names}
    return convert(given, Lessons, LESSONS, "docs/guards.md")


def taught(side: Side, each: int, seed: int = 0) -> Iterator[Attack]:
    """So many tries of each further family, disguises in turn."""
    names = disguises()
    for category, families in getattr(lessons(), side).items():
        chance = Random(f"lessons {side} {category} {seed}")
        for number in range(each * len(families)):
            family = families[number % len(families)]
            disguise = names[(number // len(families) + number) % len(names)]
            plain = _say(family, chance)
            yield Attack(category, family, disguise, disguised(plain, disguise, chance), plain)


def _of_category(
    category: str, families: tuple[str, ...], each: int, seed: str
) -> Iterator[Attack]:
    seen: set[tuple[str, ...]] = set()
    chance = Random(f"{seed} {category}")
    names = disguises()
    for number in range(each * _TRIES):
        family = families[number % len(families)]
        disguise = names[number // len(families) % len(names)]
        plain = _say(family, chance)
        turns = disguised(plain, disguise, chance)
        if turns in seen or (disguise != PLAIN and turns == (plain,)):
            continue
        seen.add(turns)
        yield Attack(category, family, disguise, turns, plain)
        if len(seen) == each:
            return
    remedy = "write more families, or ask for fewer"
    raise BadInput(f"only {len(seen)} different cases", where=category, remedy=remedy)


def _say(family: str, chance: Random) -> str:
    return _grammar().say(family, chance, lambda slot: _value(slot, chance))


@cache
def _grammar() -> Grammar:
    return Grammar(shipped().lists)


def _value(slot: str, chance: Random) -> str:
    if slot in PERSONAL:
        return detail(slot, chance)
    if slot == "task":
        return pick(shipped().tasks.zh, chance)
    if slot == "task_en":
        return pick(shipped().tasks.en, chance)
    if slot == "date":
        day = _FIRST + timedelta(int(chance.random() * 360))
        return f"{day.month}月{day.day}日"
    made: dict[str, Callable[[], str]] = {
        "money": lambda: f"{100 + int(chance.random() * 49_000)}{pick(_UNITS, chance)}",
        "percent": lambda: f"{pick(('0.05', '0.3', '1.5', '3', '8', '12', '20'), chance)}%",
        "days": lambda: str(2 + int(chance.random() * 80)),
        "region": lambda: pick(("河南", "东北", "安徽", "广东", "新疆", "外省"), chance),
        "chatml": lambda: "<|im_start|>",
    }
    return made[slot]()
