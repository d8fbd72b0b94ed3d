"""Further families of phrasings, which the ranker and the guards learn of: further/*.yaml.

The shipped files come in, families of the training split go out, by intent. They were written
without reading what is held out; tests and tuning never meet them, unless `write` is asked to.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from finmodel.assistant.intents import intent_named
from finmodel.errors import BadInput
from finmodel.lender.talk.phrasings import Family, family
from finmodel.recipe_text import parse_yaml

HOME: Final = Path(__file__).with_suffix("")


@cache
def further_families(folder: Path = HOME) -> dict[str, tuple[Family, ...]]:
    """Every further family of a folder's files by intent, one a line.

    Raises `BadInput` where an intent has no lines, or a template does not hold.
    """
    found: dict[str, tuple[Family, ...]] = {}
    for file in sorted(folder.glob("*.yaml")):
        given, _ = parse_yaml(file)
        for intent, lines in given.items():
            intent_named(intent)
            if not isinstance(lines, str):
                where = f"{file.name}: {intent}"
                raise BadInput("no lines", where=where, remedy="write `intent: |` and lines")
            told = tuple(family(intent, "train", line) for line in lines.splitlines() if line)
            found[intent] = found.get(intent, ()) + told
    return found
