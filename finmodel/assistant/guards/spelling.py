"""A text with what looks misspelt in it read by its sound: 保正 and baozheng as 保证.

A normalised text comes in; out goes the same with a sign for the syllable in the place of each
character that stands beside neither neighbour in everyday words, and of letters that spell one;
`by_sound` makes a pattern that fits both. An ordinary character is never read as another one. What
words mean is not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple

from finmodel.assistant.guards.words import words
from finmodel.assistant.intents import load_intents
from finmodel.assistant.scripts import load_scripts
from finmodel.chinese_pairs import alone, pairs
from finmodel.chinese_sounds import by_syllable, syllables

_SIGNS: Final = 0xE000
"""The first code point of the private area; syllable i is this one and i."""
_LATIN: Final = re.compile("[a-z]+")
_LONGEST: Final = 6
"""Letters of the longest syllable, zhuang."""
_RUN: Final = 24
"""A longer run of letters is no spelt-out word."""


class Heard(NamedTuple):
    """A text in which signs of syllables stand for what is misspelt."""

    text: str
    starts: Sequence[int]
    """Character i began at this one of what was heard; one more for the end."""
    spelt: bool
    """Whether letters stood for a syllable anywhere."""


def heard(text: str) -> Heard:
    """A lower-case text with its misspelt places by sound.

    >>> heard("申请保正通过").text == heard("申请bao正通过").text.replace(_sign("bao"), "保")
    True
    >>> heard("iphone 保证").text, heard("baozheng过").starts
    ('iphone 保证', [0, 3, 8, 9])
    """
    odd: dict[int, tuple[str, ...]] = {at: (syllables()[text[at]],) for at in _odd(text)}
    letters = {run.start(): _spelt(run.group()) for run in _LATIN.finditer(text)}
    letters = {at: spelt for at, spelt in letters.items() if spelt}
    odd |= letters
    if not odd:
        return Heard(text, range(len(text) + 1), spelt=False)
    said: list[str] = []
    starts: list[int] = []
    at = 0
    for place, spelt in sorted(odd.items()):
        said.append(text[at:place])
        starts += range(at, place)
        at = place
        for syllable in spelt:
            said.append(_sign(syllable))
            starts.append(at)
            at += len(syllable) if text[at].isascii() else 1
    return Heard("".join(said) + text[at:], [*starts, *range(at, len(text) + 1)], bool(letters))


def each_sound(text: str) -> str:
    """Every character by its sound, letters as they are: as long as the text.

    >>> each_sound("保证") == each_sound("饱正") == each_sound(heard("baozheng").text)
    True
    """
    return text.translate(_table())


def by_sound(pattern: str) -> str:
    """A pattern of which each character also fits its syllable.

    >>> bool(re.search(by_sound("保证能?[批过]"), heard("保正guo").text))
    True
    """
    said: list[str] = []
    inside = escaped = False
    for char in pattern:
        if char in syllables():
            both = char + _sign(syllables()[char])
            char = both if inside else f"[{both}]"
        elif not escaped and char in "[]":
            inside = char == "["
        escaped = char == "\\" and not escaped
        said.append(char)
    return "".join(said)


def _odd(text: str) -> Iterator[int]:
    """Characters that go with neither neighbour."""
    known, free = _pairs(), _free()
    goes = [False, *(text[at : at + 2] in known for at in range(len(text) - 1)), False]
    for at, (before, after) in enumerate(pairwise(goes[: len(text) + 1])):
        if not (before or after) and text[at] not in free and text[at] in syllables():
            yield at


def _spelt(run: str) -> tuple[str, ...]:
    """The syllables of a run of letters, the longer ones first; none where it is not all pinyin."""
    if not run or len(run) > _RUN:
        return ()
    for length in range(min(_LONGEST, len(run)), 0, -1):
        if run[:length] in by_syllable():
            rest = _spelt(run[length:])
            if rest or length == len(run):
                return (run[:length], *rest)
    return ()


@cache
def _sign(syllable: str) -> str:
    return chr(_SIGNS + list(by_syllable()).index(syllable))


@cache
def _table() -> dict[int, str]:
    return {ord(one): _sign(syllable) for one, syllable in syllables().items()}


@cache
def _free() -> frozenset[str]:
    return alone() | set(words()["single"])


@cache
def _pairs() -> frozenset[str]:
    """Characters that stand side by side in everyday words, approved text and rules."""
    return pairs() | {"".join(two) for text in _own() for two in pairwise(text)}


def _own() -> Iterator[str]:
    yield from (one.text for one in load_scripts().values())
    yield from (one.zh for one in load_intents().values())
    yield from (one for some in words().values() for one in some)
