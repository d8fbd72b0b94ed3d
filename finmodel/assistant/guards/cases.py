"""False alarms as cases of the guards' own test set: words that a rule should let pass.

A message in which a rule was found wrongly comes in; the fewest of its masked words in which it is
found go out, or none; and of a case, what today's guards tell. Files are not known here. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from finmodel.assistant.guards.outbound import broken
from finmodel.assistant.sentences import around, sentences
from finmodel.privacy.masks import Masks


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Words that break no rule of that name."""

    id: str
    """Of the finding that it was."""
    rule: str
    expected: Literal["none"]
    """Nothing of `rule` is found in `text`; another rule may rightly be."""
    text: str
    before: str = ""
    """What the agent said just before, where it is not found without."""
    by: str
    """Who called it a false alarm."""
    at: datetime

    def __repr__(self) -> str:
        return f"Case({self.id})"


class Words(Struct, frozen=True):
    """A message, where something was found in it, and what its agent said just before."""

    text: str
    start: int
    end: int
    before: str = ""

    def __repr__(self) -> str:
        return f"Words({self.start}, {self.end})"


def fewest(words: Words, rule: str, masks: Masks) -> tuple[str, str] | None:
    """Masked text, and what stood before it, in which a rule is still found; the shortest of those.

    None where it hangs on what a case does not hold: a customer's facts, who they are, the hour, or
    the very datum that is masked.

    >>> said = Words("您好，我是王小明。这笔借款没人能保证一定通过。", 9, 22)
    >>> fewest(said, "promise", Masks())
    ('这笔借款没人能保证一定通过。', '')
    >>> fewest(said, "number", Masks()) is None
    True
    """
    for text, before in _candidates(words):
        told = masks.mask(text), masks.mask(before)
        if rule in rules_told(*told):
            return told
    return None


@lru_cache(maxsize=1_024)  # a page asks for every case again and again
def rules_told(text: str, before: str = "") -> tuple[str, ...]:
    """The rules that today's guards find in these words, each once."""
    return tuple(sorted({one.rule for one in broken(text, before=before)}))


def still_told(case: Case) -> bool:
    """Whether today's guards still find what they should let pass."""
    return case.rule in rules_told(case.text, case.before)


def _candidates(words: Words) -> Iterator[tuple[str, str]]:
    text, spans = words.text, sentences(words.text)
    begin, _ = around(spans, words.start)
    _, close = around(spans, max(words.end - 1, words.start))
    yield text[begin:close], ""
    yield text, ""
    yield text, words.before
