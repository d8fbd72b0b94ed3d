"""What is asked next, and which approved script answers it.

A customer's standing, what was asked before and chance come in; an intent, or a script, goes out.
Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from random import Random

from finmodel.assistant.facts import Facts
from finmodel.assistant.intents import intent_named
from finmodel.assistant.scripts import Script, State, load_scripts
from finmodel.conversations import Account, Scenario
from finmodel.lender.talk.held_out import held_out
from finmodel.lender.talk.phrasings import plan
from finmodel.lender.talk.templates import pick, weighted

LIKELY_NEXT = 0.75
"""That the next question is one that commonly follows."""


def first_intent(account: Account, chance: Random) -> str:
    """What somebody who stands so wants, by how often its scenario comes up."""
    scenario = weighted(plan().scenarios[account], chance)
    return pick(_asked_by(account)[scenario], chance)


def next_intent(account: Account, asked: Sequence[str], chance: Random) -> str | None:
    """What is asked after that; None where nothing is left."""
    known = _asked_by(account)
    if chance.random() < LIKELY_NEXT:
        may = {one for many in known.values() for one in many}
        likely = [one for one in plan().follows.get(asked[-1], ()) if one in may - set(asked)]
        if likely:
            return pick(likely, chance)
    left = [one for one in known[intent_named(asked[0]).scenario] if one not in asked]
    return pick(left, chance) if left else None


def script_for(
    intent: str, state: State, day: date, facts: Facts, training: bool, chance: Random
) -> Script | None:
    """One of the closest scripts whose slots have values; in training none that is held out."""
    best: list[Script] = []
    for one in load_scripts().fitting(intent, state, day):
        if best and one.closeness != best[0].closeness:
            break
        if not (training and one.id in held_out()) and all(s in facts for s in _slots(one.id)):
            best.append(one)
    return pick(best, chance) if best else None


@cache
def told_to_verified(intent: str, account: Account) -> bool:
    """Whether somebody who stands so is answered otherwise once they are verified."""
    state = State("verified", account)
    found = load_scripts().of_intent(intent)
    return any(one.needs == "verified" and one.fits(state) for one in found)


@cache
def _asked_by(account: Account) -> dict[Scenario, list[str]]:
    found: dict[Scenario, list[str]] = {}
    for intent in plan().asked_by[account].split():
        found.setdefault(intent_named(intent).scenario, []).append(intent)
    return found


@cache
def _slots(script: str) -> tuple[str, ...]:
    return load_scripts()[script].slots
