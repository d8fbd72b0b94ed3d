"""How customers ask: families of phrasings by intent, each in one split, and who asks what next.

The shipped YAML comes in, frozen records go out. A family is one line of a file; no two splits
share one. How a question is rendered for somebody, and what is answered, is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from finmodel.assistant.intents import intent_named
from finmodel.conversations import Account, Scenario
from finmodel.errors import BadInput
from finmodel.lender.talk.templates import Grammar
from finmodel.recipe_text import parse_yaml

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: Final[tuple[Part, ...]] = ("train", "validation", "test")
HOME: Final = Path(__file__).parent


class Family(Struct, frozen=True):
    """One family of phrasings."""

    id: str
    """Its intent and a digest of its template: the same as long as the line is."""
    intent: str
    split: Part
    template: str
    needs: frozenset[str]
    """Names of the facts that it speaks of."""
    follows: bool
    """Only asked after something else."""


class Mood(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands around a question."""

    weight: int
    front: tuple[str, ...]
    behind: tuple[str, ...]


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """Characters that names are made of."""

    surnames: str
    given: str


class Spots(Struct, frozen=True, forbid_unknown_fields=True):
    """Where made-up people live."""

    regions: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    plates: tuple[str, ...]


class Typing(Struct, frozen=True, forbid_unknown_fields=True):
    """What is mistyped for what."""

    homophones: dict[str, tuple[str, ...]]


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """What phrasings share: words.yaml."""

    lists: dict[str, tuple[str, ...]]
    moods: dict[str, Mood]
    next: tuple[str, ...]
    aside: tuple[str, ...]
    details: dict[Part, tuple[str, ...]]
    loose: tuple[str, ...]
    outcomes: dict[str, str]
    names: Names
    places: Spots
    typing: Typing


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks for what: plan.yaml."""

    scenarios: dict[Account, dict[Scenario, int]]
    asked_by: dict[Account, str]
    follows: dict[str, tuple[str, ...]]


@cache
def words() -> Words:
    """The shipped words."""
    found: Words = _read("words.yaml", Words)
    return found


@cache
def plan() -> Plan:
    """The shipped plan; `BadInput` where it names an intent that is none."""
    found: Plan = _read("plan.yaml", Plan)
    named = [*found.follows, *(one for many in found.follows.values() for one in many)]
    for name in [*named, *(one for text in found.asked_by.values() for one in text.split())]:
        intent_named(name)
    return found


@cache
def grammar() -> Grammar:
    """The shipped lists."""
    return Grammar(words().lists)


@cache
def families(folder: Path = HOME / "phrasings") -> dict[tuple[str, Part], tuple[Family, ...]]:
    """Every family of a folder's files, by intent and split; `BadInput` where one is in two."""
    found: dict[tuple[str, Part], tuple[Family, ...]] = {}
    seen: dict[str, str] = {}
    for file in sorted(folder.glob("*.yaml")):
        given, _ = parse_yaml(file)
        for intent, parts in given.items():
            intent_named(intent)
            for part in PARTS:
                where = f"{file.name}: {intent}: {part}"
                found[intent, part] = tuple(_families(intent, part, parts, where, seen))
    return found


@cache
def detail_families() -> dict[Part, tuple[Family, ...]]:
    """Families of giving one's own details, by split."""
    return {
        part: tuple(family("verify_identity", part, text) for text in texts)
        for part, texts in words().details.items()
    }


def family(intent: str, part: Part, text: str) -> Family:
    """The family of one line; raises `BadInput` for a template that does not hold."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    template = text.removeprefix("…")
    grammar().parts(template)
    needs = grammar().places(template)
    return Family(f"{intent}/{digest}", intent, part, template, needs, template != text)


def _families(
    intent: str, part: Part, parts: Any, where: str, seen: dict[str, str]
) -> Iterator[Family]:
    texts = parts.get(part) if isinstance(parts, dict) else None
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise BadInput("no list of phrasings", where=where, remedy="write a line for each family")
    for text in texts:
        one = family(intent, part, text)
        if text in seen:
            what = f"{text!r} stands in {seen[text]} too"
            raise BadInput(what, where=where, remedy="keep a family in one split of one intent")
        seen[text] = where
        yield one


def _read(name: str, shape: type[Any]) -> Any:
    given, _ = parse_yaml(HOME / name)
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise BadInput(str(error), where=name, remedy="mend that key") from error
