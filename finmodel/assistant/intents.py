"""What a customer may want: every intent with its scenario and its names in Chinese and English.

The shipped `intents.yaml` comes in, `INTENTS` goes out. How an intent is recognised in somebody's
words, and what is answered, is not known here.
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from finmodel.conversations import Scenario
from finmodel.errors import NotFound
from finmodel.recipe_text import convert, parse_yaml

SCENARIOS: Final[dict[Scenario, str]] = {
    "consultation": "咨询",
    "repayment": "还款",
    "collection": "催收",
    "complaint": "投诉",
    "marketing": "营销",
}
SHIPPED: Final = Path(__file__).with_name("intents.yaml")


class Intent(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a customer may want."""

    scenario: Scenario
    zh: Annotated[str, Meta(min_length=1, max_length=20)]
    en: Annotated[str, Meta(min_length=1, max_length=60)]
    name: str = ""
    """Its key in the file."""


@cache
def load_intents(path: Path = SHIPPED) -> dict[str, Intent]:
    """Every intent of a file, by its key; raises `BadInput` where one is not whole.

    >>> load_intents()["early_settlement"].zh
    '提前结清'
    """
    given, _ = parse_yaml(path)
    wholes = {name: convert({"one": one}, _One, path, GUIDE).one for name, one in given.items()}
    return {
        name: Intent(scenario=one.scenario, zh=one.zh, en=one.en, name=name)
        for name, one in wholes.items()
    }


def intent_named(name: str) -> Intent:
    """A shipped intent; the nearest is offered for one that is none.

    >>> intent_named("due_dat")
    Traceback (most recent call last):
    finmodel.errors.NotFound: intents.yaml: no intent 'due_dat'; did you mean 'due_date'?
    """
    known = load_intents()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.0)[0]
        raise NotFound(f"no intent {name!r}", where=SHIPPED.name, remedy=f"did you mean {near!r}?")
    return known[name]


GUIDE: Final = "docs/scripts.md"


class _One(Struct, frozen=True):
    one: Intent
