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
from finmodel.assistant.sentences import sentences
from finmodel.recipe_text import convert, parse_yaml

Severity: TypeAlias = Literal["block", "replace", "warn"]
SHIPPED: Final = Path(__file__).with_suffix(".yaml")
_DENIED: Final = re.compile(
    r"(?:不(?:会|能|得|可|要|需要|用|应)|请勿|切勿|勿|无法|禁止|严禁"
    r"|(?<!不可)(?<!无法)(?<!不能)(?<!难以)避免|没有|不是|无权|无须|谨防|轻信|拒绝|先报送)"
    r"(?!以为|再[拖欠等逾躲]|排除|放过|已|避免|可能|商量|余地|把握|选择)"
    r"(?:(?!否则|不然|要不|只能|只好|直接|就|排除|避免|以为|没|不(?![法知便同当明实良正经需方]))"
    r"[^，。！？；]){0,14}$"
)
"""What stands behind a denial, no further than it reaches; one that is denied itself is none."""
_WARNED: Final = re.compile(
    r"[^，。！？；]{0,8}[，的]?.{0,3}(?<![不没])(?<!不会)(?<!不是)(?<!没有)"
    r"(?:骗|不要相信|请勿相信|切勿相信|违规|违法的)"
)
"""What stands behind a warning: whoever asks for it is a fraud."""
_JOINED: Final = re.compile(r"[^。！？!?\n]+")


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule."""

    zh: str
    en: str
    severity: Severity
    deniable: bool
    patterns: tuple[str, ...]
    rewrite: str = ""
    unless_here: str = ""
    """A sentence that holds this does not break it; another of the same text still may."""
    unless_joined: str = ""
    """The same, of a sentence with those that a semicolon joins to it."""

    def hits(self, reading: Reading) -> Iterator[tuple[int, int]]:
        """Where a text breaks it, as places of the normalised text."""
        text = reading.seen.text
        found = list(hits(self.patterns, reading))
        excused = self._excused(text) if found else b""
        for start, end in found:
            if not (excused[start] or (self.deniable and _is_denied(text, start, end))):
                yield start, end

    def _excused(self, text: str) -> bytearray:
        """1 for each place of a text at which nothing breaks it."""
        found = bytearray(len(text))
        parted = [(self.unless_here, sentences(text)), (self.unless_joined, _joined(text))]
        for unless, spans in parted:
            for begin, close in spans if unless else ():
                if re.search(unless, text[begin:close]):
                    found[begin:close] = b"\1" * (close - begin)
        return found


def _joined(text: str) -> list[tuple[int, int]]:
    return [one.span() for one in _JOINED.finditer(text)]


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
