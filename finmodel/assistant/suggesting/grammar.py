"""What keeps an engine to words and slots: a figure can stand only as a slot.

Names of slots come in; GBNF goes out, for an engine that reads it, or the same line as it is being
written, for one that asks token by token. Chinese numerals stand in ordinary words too (一下,
一定), so they are for the check behind to find. Pure.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Final

from finmodel.assistant.suggesting.unslotted import number_sign

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


class SlottedLine:
    """One line of text in which some slots may stand, as far as it is written.

    Stricter than the grammar by every sign of a number that there is, of any script but Chinese.

    >>> line = SlottedLine(["due_date"])
    >>> [line.begins(one) for one in ("请在{due_", "请在{due_date}前", "请在{amount", "请在6")]
    [True, True, False, False]
    >>> line.ends("请在{due_"), line.ends("请在{due_date}")
    (False, True)
    """

    def __init__(self, slots: Iterable[str]) -> None:
        self._slots = tuple(f"{{{name}}}" for name in slots)

    def begins(self, text: str) -> bool:
        """Whether a line may begin so: whole, or up to within a slot's name."""
        if self.ends(text):
            return True
        whole, _, name = text.rpartition("{")
        return any(one.startswith(f"{{{name}") for one in self._slots) and self.ends(whole)

    def ends(self, text: str) -> bool:
        """Whether this may be all of it."""
        return self._whole.fullmatch(text) is not None

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        signs = f"[^{_NEVER}{re.escape(_numbers())}]++"
        parts = "|".join([signs, *map(re.escape, self._slots)])
        return re.compile(f"(?:{parts})*+")


@cache
def _numbers() -> str:
    """Every sign of a number that is no Chinese character."""
    return "".join(filter(number_sign, map(chr, range(sys.maxunicode + 1))))
