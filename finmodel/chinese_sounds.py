"""How Chinese characters sound: the toneless pinyin of those of GB 2312, and who shares it.

A character comes in, its syllable goes out. The table beside this file holds the commonest reading
of each (from pypinyin's dictionary, MIT); other readings and tones are not known here. Pure.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).with_suffix(".txt")


@cache
def by_syllable() -> dict[str, str]:
    """The characters of each syllable, the commoner ones (GB 2312's first level) first.

    >>> by_syllable()["zheng"][:5], len(by_syllable())
    ('蒸挣睁征狰', 400)
    """
    lines = TABLE.read_text(encoding="utf-8").split("\n")
    return dict(line.split(" ") for line in lines if line)


@cache
def syllables() -> dict[str, str]:
    """The syllable of each character.

    >>> [syllables()[one] for one in "保证"]
    ['bao', 'zheng']
    """
    return {one: sound for sound, chars in by_syllable().items() for one in chars}
