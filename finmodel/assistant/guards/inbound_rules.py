"""What a customer's message may call for, as rules that an editor can read: inbound_rules.yaml.

The shipped file comes in, `Call`s by their name go out, the most urgent first. How a text is found
to be one is the business of patterns.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from finmodel.assistant.guards.patterns import GUIDE
from finmodel.assistant.scripts import load_scripts
from finmodel.errors import BadInput
from finmodel.recipe_text import convert, parse_yaml

Routing: TypeAlias = Literal["answer", "escalate", "refuse"]
SHIPPED: Final = Path(__file__).with_suffix(".yaml")


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a message may call for."""

    zh: str
    en: str
    routing: Routing
    script: str
    """The approved script to begin with, or to refuse by: for everybody, identified or not."""
    patterns: tuple[str, ...]


@cache
def calls(path: Path = SHIPPED) -> dict[str, Call]:
    """Every intent of a file by its name, what is urgent first.

    Raises `BadInput` where one is not whole, or its script is none that everybody may be told.

    >>> calls()["other_person"].routing, next(iter(calls()))
    ('refuse', 'self_harm')
    """
    given, _ = parse_yaml(path)
    found = convert({"calls": given}, _File, path, GUIDE).calls
    scripts = load_scripts()
    for name, one in found.items():
        if one.script not in scripts or scripts[one.script].needs != "none":
            what = f"{one.script!r} is no approved script that needs nothing"
            raise BadInput(what, where=f"{path.name}: {name}", remedy="name one of docs/scripts.md")
    return found


class _File(Struct, frozen=True):
    calls: dict[str, Call]
