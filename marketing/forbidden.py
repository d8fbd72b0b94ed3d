"""What no marketing model may read: protected attributes, and what is only known afterwards.

Names of features come in; a refusal that names its rule goes out, or silence. A name is read word
by word (snake_case, camelCase, digits), Chinese wherever it stands. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from finmodel.errors import Refused

_WORDS = (
    "ages? aged sex(es)? dob yob races? (fe)?males? health orientation hukou"
    " (xingbie|nianling|minzu|hunyin)"
    " age(group|band|range|bucket|bin)s?"
    " (customer|client|user|borrower|applicant|person)(age|sex)"
    # Stems, with whatever ends them:
    r" (sexual|gender|marital|marri|matrimon|divorc|widow|ethnic|racial|religi|nationalit"
    r"|disab|handicap|pregnan|birth)\w*"
    # … or begins them, where somebody wrote two words as one:
    r" \w+(gender|marital|birth(day|date)?)"
)
_PROTECTED = re.compile("|".join(_WORDS.split()))
"""Words that name an attribute of a person, whole: `stage`, `usage` and `average` are none."""
_CHINESE = re.compile(
    "年龄|年纪|岁数|周岁|生日|出生|性别|婚姻|已婚|未婚|离异|丧偶|民族|种族|国籍|宗教|信仰|籍贯|户籍|户口"
    "|残疾|健康|生育|怀孕"
)
_THINGS = frozenset({"account", "card", "contract", "device", "loan"})
"""Their age, as in `account_age_days`, is nobody's age."""
_AFTERWARDS = re.compile("duration|通话时长")
_WHY = "a call's length is known when the answer is: it leaks the label"
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def rule_against(name: str) -> str:
    """The rule that a feature's name breaks, with its reason; empty where it breaks none.

    >>> rule_against("customer_Age_band").partition(":")[0], rule_against("page_count_7d")
    ('protected_attribute', '')
    >>> rule_against("maritalStatus"), rule_against("account_age_days")
    ('protected_attribute: nobody is chosen by marital', '')
    """
    plain = unicodedata.normalize("NFKC", name)
    words = [one for one in re.split(r"[\W\d_]+", _HUMP.sub("_", plain).casefold()) if one]
    chinese = _CHINESE.search(plain)
    if found := _person_in(words) or (chinese and chinese[0]):
        return f"protected_attribute: nobody is chosen by {found}"
    if _AFTERWARDS.search(plain.casefold()):
        return f"known_afterwards: {_WHY}"
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


def _person_in(words: list[str]) -> str:
    """The first word, or two, that name an attribute of a person; empty where none does."""
    for before, word in zip(["", *words], words, strict=False):
        if before == "native" and word == "place":
            return "native place"
        if _PROTECTED.fullmatch(word) and not (word == "age" and before in _THINGS):
            return word
    return ""
