"""What no marketing model may read: protected attributes, and what is only known afterwards.

Names of features come in; a refusal that names its rule goes out, or silence. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from finmodel.errors import Refused

_ENGLISH = (
    "age sex gender marital marriage married ethnicity ethnic race religion nationality disability"
    " pregnant pregnancy health orientation birthday"
)
_CHINESE = "年龄 性别 婚姻 婚姻状况 民族 种族 宗教 籍贯 残疾 健康 生育 怀孕"
PROTECTED = frozenset(f"{_ENGLISH} {_CHINESE}".split())
"""Words that name an attribute of a person, wherever they stand in a feature's name."""
AFTERWARDS = {"duration": "a call's length is known when the answer is: it leaks the label"}
"""Columns known only after what is foretold, and why."""


def rule_against(name: str) -> str:
    """The rule that a feature's name breaks, with its reason; empty where it breaks none.

    >>> rule_against("customer_Age_band").partition(":")[0], rule_against("page_count_7d")
    ('protected_attribute', '')
    """
    words = re.split(r"[\W_]+", name.casefold())
    if found := sorted(PROTECTED & {*words, name.casefold()}):
        return f"protected_attribute: nobody is chosen by {found[0]}"
    if why := AFTERWARDS.get(name.casefold()):
        return f"known_afterwards: {why}"
    return ""


def refuse_features(names: Iterable[str], audit_only: Iterable[str], where: str) -> None:
    """Refused for the first feature that breaks a rule, or that is for audits only."""
    apart = {name.casefold() for name in audit_only}
    for name in names:
        told = rule_against(name)
        if not told and name.casefold() in apart:
            told = "audit_only: it is kept to measure groups with"
        if told:
            raise Refused(f"{name!r} may not be a feature ({told})", where=where, remedy="drop it")
