"""A Chinese text as terms: characters, runs of two and three of them, and the field's own words.

A text comes in, a list of terms goes out, each as often as it stands. Numbers are all the same
term, so that nobody's figure is one; a word's variants count as the word. What a term is worth is
not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from finmodel.plain_text import plain
from finmodel.recipe_text import parse_yaml

WORDS: Final = Path(__file__).with_name("words.yaml")
LONGEST: Final = 600
"""Characters that are read: of a longer text the first and the last half of so many."""
_RUN: Final = re.compile(r"(?P<ideographs>[\u4e00-\u9fff]+)|(?P<number>\d[\d.,:%/-]*)|[a-z]+")
NUMBER: Final = "#"


def terms(text: str) -> list[str]:
    """The terms of a text, in its order; none of a text without letters, ideographs and digits.

    >>> terms("还清要２００元")
    ['还', '清', '要', '还清', '清要', '还清要', '#', '元', '=结清']
    >>> terms("…！🙂")
    []
    """
    seen = read(text)
    found: list[str] = []
    for run in _RUN.finditer(seen):
        if run["ideographs"]:
            found.extend(_grams(run[0]))
        else:
            found.append(NUMBER if run["number"] else run[0])
    found.extend(f"={_keys()[one[0]]}" for one in _variants().finditer(seen))
    return found


def read(text: str) -> str:
    """The text as it is read: plain characters, small letters, not too long.

    >>> read("ＡＰＰ 打不开")
    'app 打不开'
    """
    return shortened(plain(text)[0].lower())


def shortened(text: str) -> str:
    """The text, or of a long one its beginning and its end."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} {text[-LONGEST // 2 :]}"


def _grams(run: str) -> Iterator[str]:
    for size in (1, 2, 3):
        for at in range(len(run) - size + 1):
            yield run[at : at + size]


@cache
def _keys() -> dict[str, str]:
    """Each variant's word, and each word its own."""
    given, _ = parse_yaml(WORDS)
    keys = {variant: key for key, variants in given.items() for variant in variants}
    return keys | {key: key for key in given}


@cache
def _variants() -> re.Pattern[str]:
    longest_first = sorted(_keys(), key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first)))
