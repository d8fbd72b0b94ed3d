"""Codes in a lender's file, and free text that was brought in their place.

Texts of a column come in; which of them may be kept in the clear goes out. What somebody wrote by
hand may name a person, and stays for ever where it is kept: a code is short, one of few, and has
neither a blank nor a telephone's number in it. Knows no file.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from finmodel.errors import BadInput

LONGEST: Final = 32
"""Characters of a code."""
ALWAYS: Final = 20
"""So many different codes may stand in a file of any length."""
SHARE: Final = 0.1
"""Of the rows that have a code, in a longer one: names and remarks differ from row to row."""
MOST: Final = 2_000
"""In a file of any length."""
_SHAPE: Final = f"at most {LONGEST} characters, no blank, no run of 7 digits"
_NUMBERED: Final = re.compile(r"\d{7}|1\d\d[-._]\d{4}[-._]\d{4}")
_NO_CODE: Final = re.compile(r"[\s@\x00-\x1f]")


def is_code(text: str) -> bool:
    """Whether a text has a code's shape; an empty one stands for none.

    >>> [is_code(one) for one in ("R01", "R01;R05", "收入不足", "线下-华东", "")]
    [True, True, True, True, True]
    >>> [is_code(one) for one in ("called Mr Li", "张三13800138000", "138-0013-8000", "a@b.cn")]
    [False, False, False, False]
    """
    return len(text) <= LONGEST and not (_NO_CODE.search(text) or _NUMBERED.search(text))


def most(rows: int) -> int:
    """How many different codes so many rows may have.

    >>> most(30), most(1_000), most(2_000_000)
    (20, 100, 2000)
    """
    return min(max(ALWAYS, int(rows * SHARE)), MOST)


def not_codes(ours: str) -> str:
    """Why a row is refused; `ours` is the mapping's key.

    >>> not_codes("reasons").partition("; ")[2]
    'map a column of codes to `reasons`, or leave it out'
    """
    return f"its {ours} is no code: {_SHAPE}; {_mend(ours)}"


def require_few(codes: Collection[str], rows: int, ours: str, where: str) -> None:
    """BadInput where a file's rows have too many different texts to be codes."""
    if len(codes) > most(rows):
        raise BadInput(
            f"its {ours} is {len(codes):,} different texts in {rows:,} rows: what people write by "
            "hand is not kept",
            where=where,
            remedy=_mend(ours),
        )


def _mend(ours: str) -> str:
    if ours == "reasons":
        return "map a column of codes to `reasons`, or leave it out"
    return f"map its words to codes (`{ours}: {{column, values}}`), or leave it out"
