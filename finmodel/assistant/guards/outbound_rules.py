"""What no reply may say, as rules that an editor can read: outbound_rules.yaml.

The shipped file comes in, `Rule`s by their name go out, and where a rule is broken in a text that
was normalised. Words stand here as patterns; what a sentence only means is not known. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from finmodel.assistant.guards.patterns import GUIDE, Reading, hits
from finmodel.assistant.sentences import around, sentences
from finmodel.recipe_text import convert, parse_yaml

Severity: TypeAlias = Literal["block", "replace", "warn"]
SHIPPED: Final = Path(__file__).with_suffix(".yaml")
_DENIED: Final = re.compile(
    r"(?:不会|不能|不得|不可|不要|不需要|不用|不应|请勿|切勿|勿|无法|禁止|严禁|避免|没有|不是|无权|无须|谨防|轻信|拒绝|先报送)"
    r"[^，。！？；]{0,14}$"
)

_WARNED: Final = re.compile(
    r"[^，。！？；]{0,8}[，的]?.{0,3}(?:骗|不要相信|请勿相信|切勿相信|违规|违法的)"
)
"""What stands behind a warning: whoever asks for it is a fraud."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule."""

    zh: str
    en: str
    severity: Severity
    deniable: bool
    patterns: tuple[str, ...]
    rewrite: str = ""
    unless: str = ""
    """A text that holds this breaks it nowhere."""
    unless_here: str = ""
    """A sentence that holds this does not break it; another of the same text still may."""

    def hits(self, reading: Reading) -> Iterator[tuple[int, int]]:
        """Where a text breaks it, as places of the normalised text."""
        text = reading.seen.text
        if self.unless and re.search(self.unless, text):
            return
        spans, excused = sentences(text), dict[tuple[int, int], bool]()
        for start, end in hits(self.patterns, reading):
            begin, close = here = around(spans, start)
            if here not in excused:
                unless = self.unless_here
                excused[here] = bool(unless and re.search(unless, text[begin:close]))
            if not (excused[here] or self.deniable and _is_denied(text, start, end)):
                yield start, end


def _is_denied(text: str, start: int, end: int) -> bool:
    before = _DENIED.search(text, max(start - 20, 0), start)
    return bool(before or _WARNED.match(text, end))


@cache
def rules() -> dict[str, Rule]:
    """Every shipped rule by its name; raises `BadInput` where one is not whole.

    >>> told = [Reading(one) for one in ("您的申请保证通过", "不能保证通过")]
    >>> [list(rules()["promise"].hits(one)) for one in told]
    [[(4, 8)], []]
    """
    given, _ = parse_yaml(SHIPPED)
    return convert({"rules": given}, _File, SHIPPED, GUIDE).rules


class _File(Struct, frozen=True):
    rules: dict[str, Rule]
