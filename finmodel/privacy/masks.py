"""One conversation's masks: personal data into stable placeholders, and back for who may see it.

Texts come in, texts go out. The same number, however it is written, has the same placeholder all
conversation long; a name that was given once is known wherever it is said later; masking a masked
text changes nothing. What stands behind a placeholder is in this object only; it shows nothing of
it, and whoever keeps it (`kept`) keeps it sealed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from finmodel.errors import BadInput
from finmodel.privacy.find import CLAUSE_ENDS, find
from finmodel.privacy.kinds import KINDS, LABELS, PLACEHOLDER, Kind, Personal
from finmodel.privacy.surnames import NO_NAMES

_RAW_ENDS: Final = CLAUSE_ENDS + "；！？"
"""As they stand in a text that is not plain yet."""
_CLAUSE: Final = re.compile(f"[^{_RAW_ENDS}]*[{_RAW_ENDS}]|[^{_RAW_ENDS}]+")
_NOBODY: Final = re.compile(r"(?!)")
_KIND_OF: Final = {label: kind for kind, label in LABELS.items()}


class Masks:
    """Placeholders of one conversation, and what they stand for.

    >>> masks = Masks()
    >>> masks.mask("我的电话138-0013-8000，备用13900139000，还是13800138000吧")
    '我的电话[手机号1]，备用[手机号2]，还是[手机号1]吧'
    >>> masks.restore("已登记[手机号2]。"), masks
    ('已登记13900139000。', Masks(2))
    >>> masks.mask("我叫张伟"), masks.mask("请张伟接电话")
    ('我叫[姓名1]', '请[姓名1]接电话')
    """

    def __init__(self) -> None:
        self._of: dict[tuple[Kind, str], str] = {}
        self._behind: dict[str, str] = {}
        self._taken: set[str] = set()
        self._names = _NOBODY

    def __repr__(self) -> str:
        return f"Masks({len(self._behind)})"

    def mask(self, text: str) -> str:
        """The text with a placeholder for each piece of personal data in it."""
        self._taken.update(found.group() for found in PLACEHOLDER.finditer(text))
        return "".join(map(self._clause, _CLAUSE.findall(text)))

    def _clause(self, text: str) -> str:
        while (masked := self._called(self._once(text))) != text:
            text = masked  # what stood beside one that is masked now may be found only now
        return text

    def _called(self, text: str) -> str:
        """The text with a placeholder for each name that was given before, hint or none."""
        return self._names.sub(lambda found: self._of["name", found.group()], text)

    def _once(self, text: str) -> str:
        done, at = [], 0
        for one in find(text):
            done += [text[at : one.start], self._placeholder(one, text)]
            at = one.end
        return "".join([*done, text[at:]])

    def restore(self, text: str, kinds: Collection[Kind] = KINDS) -> str:
        """The text with what stands behind its placeholders, of the kinds that may be seen.

        Where one number was written in several ways, the first comes back.
        """
        labels = {LABELS[kind] for kind in kinds}
        return PLACEHOLDER.sub(
            lambda found: (
                self._behind.get(found.group(), found.group())
                if found["label"] in labels
                else found.group()
            ),
            text,
        )

    def kept(self) -> dict[str, tuple[str, str]]:
        """Placeholder to key and text: personal data, for a sealed place and no log."""
        return {mask: (key, self._behind[mask]) for (_, key), mask in self._of.items()}

    @classmethod
    def of(cls, texts: Iterable[str]) -> Masks:
        """Masks that know whoever is named anywhere in these texts of one conversation."""
        masks = cls()
        for text in texts:
            masks.mask(text)
        return masks

    @classmethod
    def of_kept(cls, kept: Mapping[str, tuple[str, str]]) -> Masks:
        """The masks that `kept` told; raises `BadInput` for what is no placeholder."""
        masks = cls()
        for mask, (key, text) in kept.items():
            found = PLACEHOLDER.fullmatch(mask)
            if not found:
                raise BadInput(
                    "it is no placeholder", where="masks", remedy="give back what `kept` told"
                )
            masks._of[_KIND_OF[found["label"]], key] = mask
            masks._behind[mask] = text
        masks._know_names()
        return masks

    def _placeholder(self, one: Personal, text: str) -> str:
        known = self._of.get((one.kind, one.key))
        if known:
            return known
        number = sum(kind == one.kind for kind, _ in self._of) + 1
        while (mask := f"[{LABELS[one.kind]}{number}]") in self._taken or mask in self._behind:
            number += 1  # somebody typed that very placeholder
        self._of[one.kind, one.key] = mask
        self._behind[mask] = text[one.start : one.end]
        if one.kind == "name":
            self._know_names()
        return mask

    def _know_names(self) -> None:
        names = [key for kind, key in self._of if kind == "name" and key not in NO_NAMES]
        if names:
            longest = sorted(names, key=len, reverse=True)
            self._names = re.compile("|".join(map(re.escape, longest)))


def masked(texts: Sequence[str]) -> list[str]:
    """The texts of one conversation, their personal data masked alike throughout.

    >>> masked(["张伟在吗", "我叫张伟"])
    ['[姓名1]在吗', '我叫[姓名1]']
    """
    masks = Masks.of(texts)  # whoever is named at the end was maybe spoken to at the beginning
    return [masks.mask(text) for text in texts]


class StreamMasker:
    """Masks a text that comes in pieces: what goes out holds no part of a datum cut in two.

    A clause is held back until it ends, so that the pieces together are the text masked at once.

    >>> stream = StreamMasker(Masks())
    >>> [stream.feed(piece) for piece in ("您好，电话13", "8001380", "00，谢谢")], stream.close()
    (['您好，', '', '电话[手机号1]，'], '谢谢')
    """

    def __init__(self, masks: Masks) -> None:
        self._masks, self._held = masks, ""

    def feed(self, piece: str) -> str:
        """What may go out once the piece is in."""
        held = self._held + piece
        end = max(held.rfind(one) for one in _RAW_ENDS) + 1
        self._held = held[end:]
        return self._masks.mask(held[:end])

    def close(self) -> str:
        """What was held back; the stream is over."""
        held, self._held = self._held, ""
        return self._masks.mask(held)
