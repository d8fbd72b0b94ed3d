"""Which rate a written rate is: a day's, a month's or a year's, and a year's of which sort.

A plain text and the span of a rate in it come in, its period goes out as the words beside it say;
nothing where they do not. The words are looked for in the rate's own clause only.
"""

from __future__ import annotations

import re
from typing import Final

_LEFT: Final = re.compile(
    r"(?P<day>日(?:罚息)?利率|日息|日费率|日化|每日|每天|按日|[一1]天|/日)"
    r"|(?P<month>月(?:利|费)率|月息|月利|月费|月化|每个?月|按月|每期|期(?:费|利)率|一个月)"
    r"|(?P<contract>年(?:利|费)率|年息|年利|年费)|(?P<year>年化(?:利率)?|每年|一年|全年|按年|APR|IRR)"
)
_RIGHT: Final = re.compile(
    r"\s?(?:的|\()?\s?(?:(?P<day>(?:/|每|一|per |a )\s?(?:天|日|day)|日(?:利率|息))"
    r"|(?P<month>(?:/|每个?|一个?|per |a )\s?(?:月|期|month)|月(?:利|费)率|月息)"
    r"|(?P<contract>年(?:利|费)率|年息)"
    r"|(?P<year>(?:/|每|一|per |a )\s?(?:年|year|annum)|年化|p\.a\.))",
    re.IGNORECASE,
)
_OF_THE_NEXT: Final = re.compile(r"(?:利率)?(?:为|是|约|达|:)?\s?[\d百千万]")
_CLAUSE_END: Final = re.compile(r"[，。；！？、;!?\n]|,(?!\d)")
_CLOSED: Final = re.compile(r"\([^()]*\)")
_SORT: Final = re.compile("([单复])利")
_SORT_RIGHT: Final = re.compile(r"\A\s?\(?(?:年化)?([单复])利")
_FIGURE_END: Final = re.compile(r"[。；！？;!?\n\d%]")
_YEAR: Final = {"year": "year", "contract": "year-contract"}
_FAR: Final = 24


def period_of(text: str, start: int, end: int) -> str:
    """`day`, `month`, `year`, `year-contract`, `year-simple`, `year-compound`, or nothing.

    年化 is `year`, 年利率 and 年息 are the contract's, unless 单利 or 复利 stands beside.

    >>> period_of("日利率0.05%，年化18.25%", 3, 8), period_of("0.05%/天", 0, 5)
    ('day', 'day')
    >>> period_of("年化利率（复利）为19.86%".translate({0xFF08: "(", 0xFF09: ")"}), 9, 15)
    'year-compound'
    >>> period_of("若按复利折算，年化为19.86%", 10, 16)
    'year-compound'
    >>> period_of("费率18.25%", 2, 8)
    ''
    """
    left = _CLAUSE_END.split(text[max(start - _FAR, 0) : start])[-1]
    right = _CLAUSE_END.split(text[end : end + 12])[0]
    after = _RIGHT.match(right)
    if after and _OF_THE_NEXT.match(right, after.end()):
        after = None
    outside = _CLOSED.sub("", left)
    words = [*_LEFT.finditer(outside.rpartition("(")[2] or outside)]
    period = str(after.lastgroup) if after else str(words[-1].lastgroup) if words else ""
    if period not in ("year", "contract"):
        return period
    since = _FIGURE_END.split(text[max(start - _FAR, 0) : start])[-1]
    kinds = _SORT.findall(since) or _SORT_RIGHT.findall(right)
    return {"单": "year-simple", "复": "year-compound"}[kinds[-1]] if kinds else _YEAR[period]
