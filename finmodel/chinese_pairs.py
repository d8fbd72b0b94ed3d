"""Which Chinese characters stand side by side in everyday words, and which go with any other.

Characters come in, yes or no goes out. The table beside this file is made from jieba's dictionary
(MIT) by `finmodel.lender.talk.chinese_tables`; what words mean is not known here. Pure.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).with_suffix(".txt")


@cache
def pairs() -> frozenset[str]:
    """Every pair.

    >>> "保证" in pairs(), "保正" in pairs()
    (True, False)
    """
    lines = TABLE.read_text(encoding="utf-8").split("\n")[1:]
    return frozenset(line[0] + one for line in lines if line for one in line[2:])


@cache
def alone() -> frozenset[str]:
    """Characters that are words of their own: 的, 了, 我.

    >>> "的" in alone(), "正" in alone()
    (True, False)
    """
    return frozenset(TABLE.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("= "))
