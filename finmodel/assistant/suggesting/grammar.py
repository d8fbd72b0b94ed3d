"""The grammar that keeps an engine to words and slots: a figure can stand only as a slot.

Names of slots come in, GBNF goes out. Chinese numerals stand in ordinary words too (一下, 一定), so
they are for the check behind to find. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_NEVER: Final = r"0-9０-９²³¹¼-¾⅐-↉①-⒛⓪-⓿❶-➓㈠-㈩㊀-㊉%％‰¥￥$<>|{}｛｝\[\]\n\r"
"""Digits, signs of numbers, what makes a figure of them, what opens a slot, a tag or a
placeholder, and lines."""


def grammar_of(slots: Iterable[str]) -> str:
    r"""GBNF of one line of text in which these slots may stand.

    >>> print(grammar_of(["hotline", "due_date"]))
    root ::= (sign | slot)+
    sign ::= [^0-9０-９²³¹¼-¾⅐-↉①-⒛⓪-⓿❶-➓㈠-㈩㊀-㊉%％‰¥￥$<>|{}｛｝\[\]\n\r]
    slot ::= "{hotline}" | "{due_date}"
    """
    names = " | ".join(f'"{{{name}}}"' for name in slots)
    root = "(sign | slot)+" if names else "sign+"
    lines = [f"root ::= {root}", f"sign ::= [^{_NEVER}]"]
    return "\n".join([*lines, *([f"slot ::= {names}"] if names else [])])
