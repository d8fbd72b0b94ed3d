"""What a customer's words speak of: words that mean nearly the same, by concepts.yaml.

A text comes in, the names of its concepts go out: 拿不出 and 揭不开锅 are both `poor`. An editor
keeps the lists. What follows from a concept is not known here. Pure.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from finmodel.assistant.guards.words import words

SHIPPED: Final = Path(__file__).with_suffix(".yaml")


def concepts(text: str) -> tuple[str, ...]:
    """Every concept of a lower-case text once, by name; a word may be of several.

    >>> concepts("实在揭不开锅了") == concepts("钱拿不出")
    True
    >>> concepts("嗯")
    ()
    """
    found: set[str] = set()
    known = _known()
    for at, char in enumerate(text):
        for word, names in known.get(char, ()):
            if text.startswith(word, at):
                found.update(names)
    return tuple(sorted(found))


@cache
def _known() -> dict[str, tuple[tuple[str, frozenset[str]], ...]]:
    """Words and their concepts, by the character that they begin with."""
    by_word: dict[str, set[str]] = {}
    for concept, some in words(SHIPPED).items():
        for word in some:
            by_word.setdefault(word.lower(), set()).add(concept)
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for word, names in by_word.items():
        found.setdefault(word[0], []).append((word, frozenset(names)))
    return {char: tuple(some) for char, some in found.items()}
