"""Guarded words that were spelt by their sound: 保正 and baozheng are 保证.

A text comes in; the guarded words that it sounds out, with their places, go out. Two characters of
a guarded word's sound are ordinary words too often, so one of them must be right, or written in
Latin letters; an ordinary word of the same sound (同时, 同事) stands in the list behind
a `-`. Which rule a word belongs to is not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from finmodel.chinese_sounds import by_syllable, syllables

WORDS: Final = Path(__file__).with_name("guarded_words.txt")
_LATIN: Final = re.compile("[a-z]+")
_LONGEST: Final = 6
"""Letters of the longest syllable, zhuang."""
_RUN: Final = 24
"""A longer run of letters is no spelt-out word."""


class Sound(NamedTuple):
    """A syllable, and where it stands."""

    syllable: str
    start: int
    end: int


class Respelt(NamedTuple):
    """A guarded word, and where its sound stands."""

    word: str
    start: int
    end: int


def respelt(text: str) -> Iterator[Respelt]:
    """Guarded words that a lower-case text writes by their sound, in order, none over another.

    >>> list(respelt("您的申请保正通过，baozheng"))
    [Respelt(word='保证', start=4, end=6), Respelt(word='保证', start=9, end=17)]
    >>> list(respelt("保证通过，其实不是"))
    []
    """
    sounds, known = _sounds(text), _known()
    at = 0
    while at < len(sounds) - 1:
        words = known.get((sounds[at].syllable, sounds[at + 1].syllable), ())
        tried = (_at(text, sounds, at, word, way) for word, way in words)
        found = next((one for one in tried if one), None)
        if found is None:
            at += 1
            continue
        if text[found.start : found.end] not in _ordinary() | {found.word}:
            yield found
        at += len(found.word)


def _at(text: str, sounds: list[Sound], at: int, word: str, way: tuple[str, ...]) -> Respelt | None:
    here = sounds[at : at + len(way)]
    if tuple(one.syllable for one in here) != way:
        return None
    if any(one.end != after.start for one, after in pairwise(here)):
        return None
    right = sum(
        one.end - one.start > 1 or text[one.start] == char
        for one, char in zip(here, word, strict=True)
    )
    return Respelt(word, here[0].start, here[-1].end) if right * 2 >= len(word) else None


def _sounds(text: str) -> list[Sound]:
    known = syllables()
    found = [Sound(known[one], at, at + 1) for at, one in enumerate(text) if one in known]
    for run in _LATIN.finditer(text):
        spelt = _spelt(run.group()) if len(run.group()) <= _RUN else ()
        at = run.start()
        for syllable in spelt:
            found.append(Sound(syllable, at, at + len(syllable)))
            at += len(syllable)
    return sorted(found, key=lambda one: one.start)


def _spelt(run: str) -> tuple[str, ...]:
    """The syllables of a run of letters, the longer ones first; none where it is not all pinyin."""
    if not run:
        return ()
    for length in range(min(_LONGEST, len(run)), 0, -1):
        if run[:length] in by_syllable():
            rest = _spelt(run[length:])
            if rest or length == len(run):
                return (run[:length], *rest)
    return ()


@cache
def _known() -> dict[tuple[str, str], list[tuple[str, tuple[str, ...]]]]:
    """Guarded words with their syllables, by the first two, the longer words first."""
    found: dict[tuple[str, str], list[tuple[str, tuple[str, ...]]]] = {}
    words = {word for word in _listed() if not word.startswith("-")}
    for word in sorted(words, key=lambda one: (-len(one), one)):
        way = tuple(syllables()[one] for one in word)
        found.setdefault((way[0], way[1]), []).append((word, way))
    return found


@cache
def _ordinary() -> frozenset[str]:
    return frozenset(word[1:] for word in _listed() if word.startswith("-"))


@cache
def _listed() -> tuple[str, ...]:
    return tuple(WORDS.read_text(encoding="utf-8").split())
