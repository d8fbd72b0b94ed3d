"""Which approved scripts no training conversation shows, so that memory is not taken for skill.

Scripts come in, the ids of a fifth of them go out, the same each time. Held out is only what leaves
another script in every place where it would have been offered.
"""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import product
from typing import Final, get_args

from finmodel.assistant.scripts import Script, Scripts, State, load_scripts
from finmodel.conversations import IDENTITIES, Account

SHARE: Final = 5
"""One in so many."""
_STATES: Final = tuple(
    State(identity, account) for identity, account in product(IDENTITIES, get_args(Account))
)


def closest(found: tuple[Script, ...]) -> tuple[Script, ...]:
    """Of scripts in the order in which they are offered, those that fit as closely as the first."""
    return tuple(one for one in found if one.closeness == found[0].closeness)


@cache
def held_out() -> frozenset[str]:
    """The ids of the shipped scripts that are never shown in training."""
    return of(load_scripts())


def of(scripts: Scripts) -> frozenset[str]:
    """The ids to hold out of a collection of scripts."""
    places: dict[str, list[set[str]]] = {name: [] for name in scripts}
    for intent, state in product({one.intent for one in scripts.values()}, _STATES):
        fitting = tuple(one for one in scripts.of_intent(intent) if one.fits(state))
        place = {one.id for one in closest(fitting)} if fitting else set()
        for name in place:
            places[name].append(place)
    chosen: set[str] = set()
    for name in sorted(scripts, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if len(chosen) * SHARE < len(scripts) - SHARE + 1 and all(
            place - chosen - {name} for place in places[name]
        ):
            chosen.add(name)
    return frozenset(chosen)
