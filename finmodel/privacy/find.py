"""Personal data in a text: what stands where, of which kind.

A text comes in, `Personal`s go out in order, none over another. A text is read clause by clause, so
that what is found in one does not hang on the next: a stream cut at a clause's end finds the same.
Placeholders of an earlier masking are passed over.
"""

from __future__ import annotations

import re
from typing import Final

from finmodel.plain_text import plain
from finmodel.privacy.addresses import addresses_in
from finmodel.privacy.kinds import KINDS, PLACEHOLDER, Personal
from finmodel.privacy.names import names_in
from finmodel.privacy.numbers import Claim, numbers_in

CLAUSE_ENDS: Final = "，,。！!？?；;\n\r\t\v\f\x85\u2028\u2029"
"""Nothing personal is looked for across these."""
_CLAUSE: Final = re.compile(f"[^{CLAUSE_ENDS}]+")
_RANK: Final = {kind: rank for rank, kind in enumerate(KINDS)}


def find(text: str) -> list[Personal]:
    """All personal data of a text that rules find.

    >>> text = "我叫王小明，手机１３８ ００１３ ８０００，邮箱a@b.cn"
    >>> [(one.kind, text[one.start : one.end]) for one in find(text)]
    [('name', '王小明'), ('mobile', '１３８ ００１３ ８０００'), ('email', 'a@b.cn')]
    """
    seen, places = plain(text)
    seen = PLACEHOLDER.sub(lambda mask: "\0" * len(mask.group()), seen)
    found = []
    for clause in _CLAUSE.finditer(seen):
        for claim in _settled(clause.group()):
            start, end = clause.start() + claim.start, clause.start() + claim.end
            found.append(Personal(claim.kind, places[start], places[end - 1] + 1, claim.key))
    return found


def _settled(clause: str) -> list[Claim]:
    """The claims of a clause that stand: the kind that goes first, then the longer one."""
    claims = [*numbers_in(clause), *addresses_in(clause), *names_in(clause)]
    claims.sort(key=lambda claim: (_RANK[claim.kind], claim.start - claim.end, claim.start))
    kept, taken = [], bytearray(len(clause))
    for claim in claims:
        if not any(taken[claim.start : claim.end]):
            kept.append(claim)
            taken[claim.start : claim.end] = b"\1" * (claim.end - claim.start)
    return sorted(kept, key=lambda claim: claim.start)
