"""Words and the slots that they may mean, as lists by kind, compiled to be looked for.

Lists of (pattern, slots by name) come in, the first of a list being preferred; the slots that a
text's words may mean go out. Which text is looked at is not known here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


class SlotLists:
    """What words may mean, of one kind of slot at a time.

    >>> known = SlotLists({"money": (("本金", "loan_amount"), ("本期应还", "amount_due"))})
    >>> known.last("money", "本金以外，本期应还"), known.last("money", "你好"), "date" in known
    (frozenset({'amount_due'}), None, False)
    """

    def __init__(self, lists: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self._sets = {
            kind: [frozenset(slots.split()) for _, slots in words] for kind, words in lists.items()
        }
        self._find = {
            kind: re.compile("|".join(f"(?P<w{n}>{word})" for n, (word, _) in enumerate(words)))
            for kind, words in lists.items()
        }

    def __contains__(self, kind: str) -> bool:
        return kind in self._find

    def beginning(self, kind: str, text: str) -> frozenset[str] | None:
        """What the word at a text's beginning may mean; None where none is known."""
        found = self._find[kind].match(text)
        return self._meant(kind, found) if found else None

    def last(self, kind: str, text: str, start: int = 0) -> frozenset[str] | None:
        """What the last word of a text, from `start` on, may mean; None where none is known."""
        said = [*self._find[kind].finditer(text, start)]
        return self._meant(kind, said[-1]) if said else None

    def _meant(self, kind: str, found: re.Match[str]) -> frozenset[str]:
        return self._sets[kind][int(str(found.lastgroup)[1:])]
