"""Approved scripts (话术): what may be said to whom, and when; read, checked, and offered.

YAML files come in, one a scenario; `Script`s go out, those first that fit a customer's state most
closely. An expired script is never offered. What a customer wants, and what a slot is worth, is
not known here.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from finmodel.assistant.intents import GUIDE, intent_named
from finmodel.assistant.script_rules import broken_rule
from finmodel.assistant.slots import slots_in
from finmodel.conversations import IDENTITIES, Account, Identity, Scenario
from finmodel.errors import BadInput, NotFound
from finmodel.recipe_text import listed

SHIPPED: Final = Path(__file__).with_name("scripts")


class State(Struct, frozen=True):
    """What is known of whoever is asking."""

    identity: Identity = "none"
    account: Account | None = None
    """None where it is not known."""


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One approved text, and for whom and how long it stands."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*-[0-9]+$", max_length=60)]
    version: Annotated[int, Meta(ge=1)]
    intent: str
    text: str
    reviewer: Annotated[str, Meta(min_length=1, max_length=60)]
    needs: Identity
    valid_from: date
    valid_to: date | None = None
    """Its last day in China; none where it stands until it is taken out."""
    account: tuple[Account, ...] = ()
    """Only for customers who stand so; for all where it is empty."""

    @property
    def scenario(self) -> Scenario:
        """The scenario of its intent."""
        return intent_named(self.intent).scenario

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots that stand in its text, each once."""
        return slots_in(self.text)

    @property
    def closeness(self) -> tuple[int, bool]:
        """How closely it fits those for whom it is: the higher, the rather offered."""
        return IDENTITIES.index(self.needs), bool(self.account)

    def fits(self, state: State) -> bool:
        """Whether somebody of this state may be told it."""
        known = IDENTITIES.index(self.needs) <= IDENTITIES.index(state.identity)
        return known and (not self.account or state.account in self.account)

    def valid_on(self, day: date) -> bool:
        """Whether it may be said on a day (in China)."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Scripts(Mapping[str, Script]):
    """Scripts by id."""

    def __init__(self, scripts: Iterable[Script]) -> None:
        self._scripts = {one.id: one for one in scripts}
        ordered = sorted(self._scripts.values(), key=lambda one: one.id)
        ordered.sort(key=lambda one: one.closeness, reverse=True)
        self._by_intent: dict[str, tuple[Script, ...]] = {}
        for one in ordered:
            self._by_intent[one.intent] = (*self._by_intent.get(one.intent, ()), one)

    def __getitem__(self, name: str) -> Script:
        return self._scripts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scripts)

    def __len__(self) -> int:
        return len(self._scripts)

    def of_intent(self, intent: str) -> tuple[Script, ...]:
        """All scripts of an intent, the closest first, whoever they are for."""
        return self._by_intent.get(intent, ())

    def fitting(self, intent: str, state: State, as_of: date) -> tuple[Script, ...]:
        """What may be said to a customer of this state on a day, the closest first."""
        found = self.of_intent(intent)
        return tuple(one for one in found if one.fits(state) and one.valid_on(as_of))

    def as_good(
        self, script: Script, state: State, as_of: date, slots: Container[str]
    ) -> tuple[Script, ...]:
        """What answers the same as closely as a script, with slots that have a value: itself too.

        Which of them is said is chance.
        """
        return tuple(
            one
            for one in self.fitting(script.intent, state, as_of)
            if one.closeness == script.closeness and all(slot in slots for slot in one.slots)
        )


def scripts_for(intent: str, state: State, as_of: date) -> tuple[Script, ...]:
    """Shipped scripts for an intent, valid on a day in China, the closest to the state first.

    Raises `NotFound` for an intent that is none; empty where only the verified may be answered.

    >>> day = date(2026, 6, 3)
    >>> [one.needs for one in scripts_for("overdue_amount", State("none", "overdue"), day)]
    ['none']
    >>> scripts_for("overdue_amount", State("verified", "settled"), day)[0].text
    '为您核实，您的借款已经结清，没有逾期款项。'
    """
    return load_scripts().fitting(intent_named(intent).name, state, as_of)


@cache
def load_scripts(folder: Path = SHIPPED, as_of: date | None = None) -> Scripts:
    """Every script of a folder's YAML files; with a day, one that expired before it is refused.

    Raises `BadInput` that names file, id and remedy for a script that may not be said.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise NotFound("no scripts", where=str(folder), remedy="name a folder of YAML files")
    found: dict[str, tuple[Script, Path]] = {}
    for file in files:
        for script in listed(file, "scripts", Script, GUIDE):
            where = f"{file.name}: {script.id}"
            if script.id in found:
                first = found[script.id][1].name
                raise _wrong(where, f"the id stands in {first} too", "give it the next number")
            require_sayable(script, where, as_of)
            found[script.id] = script, file
    return Scripts(script for script, _ in found.values())


def require_sayable(script: Script, where: str, as_of: date | None = None) -> None:
    """`BadInput` where a script may not be said; with a day, also where it expired before it."""
    try:
        intent_named(script.intent)
    except NotFound as error:
        raise _wrong(where, error.what, error.remedy) from error
    if script.valid_to is not None and script.valid_to < script.valid_from:
        raise _wrong(where, "it expires before it begins", "mend `valid_from` or `valid_to`")
    if as_of is not None and script.valid_to is not None and script.valid_to < as_of:
        what = f"it expired on {script.valid_to}"
        raise _wrong(where, what, "have it reviewed and set `valid_to` anew, or take it out")
    if script.account and script.needs != "verified":
        what = "it is for customers of one standing, which only the verified may be told"
        raise _wrong(where, what, "write `needs: verified`")
    if broken := broken_rule(script.text, script.needs):
        raise _wrong(where, broken.what, broken.remedy)


def _wrong(where: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=where, remedy=remedy)
