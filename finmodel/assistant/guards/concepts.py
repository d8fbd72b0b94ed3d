"""Words that mean nearly the same, read as one thing: concepts.yaml, which an editor keeps.

A normalised text comes in, the names of what it speaks of go out: 律师 and 法务 are both `law`. A
word is known by its characters, and by sound where the text looks misspelt. What follows
from a concept is not known here. Pure.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from finmodel.assistant.guards.spelling import each_sound, heard
from finmodel.assistant.guards.words import words

SHIPPED: Final = Path(__file__).with_suffix(".yaml")


class Word(NamedTuple):
    """One word of one concept."""

    written: str
    sound: str
    concept: str


def concepts(text: str) -> tuple[str, ...]:
    """Every concept of a lower-case text once, in the order of the text.

    >>> concepts("我要找律师"), concepts("我要找lvshi"), concepts("你好")
    (('law',), ('law',), ())
    """
    written = heard(text).text
    return named(written, each_sound(written))


def named(written: str, sound: str) -> tuple[str, ...]:
    """The concepts of a text that was heard, given its sound as well."""
    found: dict[str, None] = {}
    known = _known()
    for at in range(len(sound)):
        for start in (sound[at], sound[at : at + 2]):
            for word in known.get(start, ()):
                if word.concept not in found and _stands(word, written, sound, at):
                    found[word.concept] = None
    return tuple(found)


def _stands(word: Word, written: str, sound: str, at: int) -> bool:
    """Whether a word begins here: as written, or by sound where it is misspelt.

    One character alone is only known as written: by sound it is too many others.
    """
    if not sound.startswith(word.sound, at):
        return False
    there = written[at : at + len(word.written)]
    return there == word.written or (
        len(there) > 1
        and all(one in both for one, *both in zip(there, word.written, word.sound, strict=True))
    )


@cache
def _known() -> dict[str, tuple[Word, ...]]:
    """Words by the sounds that they begin with: two, or the only one."""
    found: dict[str, list[Word]] = {}
    for concept, some in words(SHIPPED).items():
        for written in some:
            sound = each_sound(written)
            found.setdefault(sound[:2], []).append(Word(written, sound, concept))
    return {start: tuple(some) for start, some in found.items()}
