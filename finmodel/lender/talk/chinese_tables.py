"""Makes the two tables of Chinese that ship: how characters sound, and which stand side by side.

Dictionaries of other projects come in, chinese_sounds.txt and chinese_pairs.txt go out, the same
for the same dictionaries. Neither project is needed to read the tables.

python -m finmodel.lender.talk.chinese_tables --sounds                   pypinyin must be at hand
python -m finmodel.lender.talk.chinese_tables --pairs jieba/dict.txt     of jieba 0.42.1
"""

from __future__ import annotations

import argparse
import importlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from finmodel import chinese_pairs, chinese_sounds

LEAST_PAIR: Final = 10
"""How often words that hold a pair were counted, at least."""
LEAST_ALONE: Final = 50_000
"""From so many on a character is a word of its own beside any other."""


def characters() -> Iterator[str]:
    """The characters of GB 2312, the common ones first."""
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            one = bytes((high, low)).decode("gb2312", "ignore")
            if one:
                yield one


def sounds() -> str:
    """chinese_sounds.txt, by pypinyin; raises `ImportError` where that is not installed."""
    pypinyin = importlib.import_module("pypinyin")
    found: dict[str, list[str]] = defaultdict(list)
    for one in characters():
        read = pypinyin.pinyin(one, style=pypinyin.Style.NORMAL, heteronym=False)[0][0]
        syllable = read.replace("ü", "v").replace("ê", "e")
        if syllable.isascii() and syllable.isalpha():
            found[syllable].append(one)
    return "".join(f"{name} {''.join(some)}\n" for name, some in sorted(found.items()))


def pairs(lines: Iterable[str]) -> str:
    """chinese_pairs.txt, of the lines `word count tag` of jieba's dictionary; no names of people.

    >>> print(pairs(["保证 9283 v", "的 318825 uj", "张三 500 nr"]), end="")
    = 的
    保 证
    """
    known = chinese_sounds.syllables()
    counted: Counter[tuple[str, str]] = Counter()
    alone = []
    for word, count, tag in (line.split() for line in lines):
        if len(word) == 1 and int(count) >= LEAST_ALONE and word in known:
            alone.append(word)
        if not tag.startswith("nr"):
            counted.update(
                {pair: int(count) for pair in pairwise(word) if known.keys() >= set(pair)}
            )
    behind: dict[str, list[str]] = defaultdict(list)
    for first, second in sorted(pair for pair, count in counted.items() if count >= LEAST_PAIR):
        behind[first].append(second)
    table = "".join(f"{first} {''.join(some)}\n" for first, some in behind.items())
    return f"= {''.join(sorted(alone))}\n{table}"


def main() -> None:
    """Write what is asked for."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--sounds", action="store_true")
    words.add_argument("--pairs", type=Path)
    asked = words.parse_args()
    if asked.sounds:
        chinese_sounds.TABLE.write_text(sounds(), encoding="utf-8")
    if asked.pairs:
        lines = asked.pairs.read_text(encoding="utf-8").splitlines()
        chinese_pairs.TABLE.write_text(pairs(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
