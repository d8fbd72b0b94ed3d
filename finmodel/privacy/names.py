"""Names of persons in a clause: by what stands before them, by a title behind, or alone.

A plain clause comes in, claims go out. A name is a surname and one or two signs; the clause has to
give a hint (我叫, 姓名, 持卡人 …; 先生, 女士 …), or to be nothing but a name. A name in the midst
of a sentence is often missed: tests/finmodel/privacy count what is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from finmodel.privacy.numbers import Claim
from finmodel.privacy.surnames import COMPOUND, DOUBTFUL, GIVEN, NO_NAMES, NOT_GIVEN, SURNAMES

_HAN: Final = r"[\u4e00-\u9fff]"
_SURNAME: Final = rf"(?:{'|'.join(COMPOUND)}|[{''.join(sorted(SURNAMES))}])"
_KIN: Final = (
    "老公|老婆|丈夫|妻子|爱人|父亲|母亲|爸爸|妈妈|爸|妈|哥哥|姐姐|弟弟|妹妹|哥|姐|弟|妹|儿子|女儿"
    "|朋友|男友|女友|同事|同学|室友|舅舅|叔叔|阿姨|亲戚|老板|领导"
)
_STRONG: Final = re.compile(
    r"(?:我叫|名叫|叫做|[全本]名(?:是|为|叫)|(?:名字|姓名|户名)(?:是|为|叫|事)?|字名|名姓|\A[姓名](?=\s?:)|开户名"
    rf"|(?:{_KIN})(?:的?名字)?叫|[我你您他她]叫"
    r"|(?:收款|持卡|开户|借款|申请|联系|担保|代理)人(?:姓名)?(?:是|为|叫)?"
    r"|(?:签名|署名|机主|户主|法人)(?:是|为)?)(?:\s?:\s?|\s)?"
)
_WEAK: Final = re.compile(
    r"(?:我不?是|我(?=...?\Z)|我不?事|本人|这里是|这是|认识|认得|客户|用户|转告|替|帮|给|找|叫)(?:\s?:\s?|\s)?"
)
_KINDRED: Final = re.compile(rf"(?:我|他|她|的)(?:{_KIN})是?")
_TITLE: Final = re.compile(
    "先生|女士|小姐|太太|夫人|师傅|老师|大哥|大姐|阿姨|叔叔|律师|警官|医生|主任|经理(?!人)|总监"
)
_MINORITY: Final = re.compile(
    rf"(?:(?<=叫)|(?<=是)|(?<=名)|(?<=本人)|(?<!{_HAN})(?!.{{0,4}}[叫是]))"
    rf"(?P<name>{_HAN}{{2,6}}·{_HAN}{{2,8}})"
)
_NAME: Final = re.compile(rf"(?P<surname>{_SURNAME})(?P<given>{_HAN}{{1,2}})")
_LOOSE: Final = re.compile(
    rf"(?:\A|(?<=[和跟与给找由向让被叫是对替请昨天我爸妈哥姐弟妹公婆友事]))(?=(?P<name>{_SURNAME}{_HAN}{{2}}))"
    r"(?=...(?:[的给打已让借欠还跟和说一在去办签用不介问过是联确这]|\Z|[^\u4e00-\u9fff]))"
)
"""A full name in the midst of a sentence, as far as its neighbours tell."""
_BESIDE: Final = re.compile(
    rf"(?:\A|[^\u4e00-\u9fff])(?P<name>{_SURNAME}{_HAN}{{1,2}})(?=[^\w\u4e00-\u9fff]{{1,3}}\d{{6}})"
    rf"|\d{{6}}[Xx]?[^\w\u4e00-\u9fff]{{1,3}}(?P<after>{_SURNAME}{_HAN}{{1,2}})(?!{_HAN})"
)
"""A name that stands in front of a long number, or behind one."""
_ALONE: Final = re.compile(
    rf"\W{{0,4}}(?:是的|好的|对的?|嗯嗯?|您好|你好|人|叫)?\W{{0,4}}(?P<name>{_SURNAME}{_HAN}{{1,2}})\W{{0,4}}"
)
_END: Final = re.compile(
    r"\Z|[^\u4e00-\u9fff]|[的了是吗呢吧啊呀]|先生|女士|本人|身份证|手机|电话|号码|申请|要求|已经|一起"
)
_NO_TITLE_BEFORE: Final = re.compile(r"(?:任何|如何|为何|几何|[资基现奖]金|各位|那位)\Z")
_NEVER: Final = frozenset("的了是我你您他她它们这那哪各每在有没吗呢吧请问好")


def names_in(clause: str) -> Iterator[Claim]:
    """Every claim to a person's name; of two that overlap the longer stands.

    >>> {one.key for one in names_in("你好我叫王小明的电话")}
    {'王小明'}
    >>> {one.key for one in names_in("请转告欧阳娜娜女士")}, list(names_in("马上方便"))
    ({'欧阳娜娜'}, [])
    """
    for start, name in _candidates(clause):
        yield Claim("name", start, start + len(name), name)


def _candidates(clause: str) -> Iterator[tuple[int, str]]:
    yield from _hinted(clause)
    for found in _MINORITY.finditer(clause):
        yield found.start("name"), found["name"]
    for title in _TITLE.finditer(clause):
        yield from _titled(clause, title.start())
    for beside in _BESIDE.finditer(clause):
        group = "name" if beside["name"] else "after"
        if _stands_alone(beside[group]):
            yield beside.start(group), beside[group]
    alone = _ALONE.fullmatch(clause)
    for loose in (*_LOOSE.finditer(clause), *([alone] if alone else [])):
        if _stands_alone(loose["name"]):
            yield loose.start("name"), loose["name"]


def _hinted(clause: str) -> Iterator[tuple[int, str]]:
    for hint in _STRONG.finditer(clause):
        yield from _behind(clause, hint.end(), certain=True)
    for hint in _WEAK.finditer(clause):
        yield from _behind(clause, hint.end(), certain=False)
    for hint in _KINDRED.finditer(clause):
        found = _NAME.match(clause, hint.end())
        if found and _stands_alone(found.group()):
            yield from _behind(clause, hint.end(), certain=True)


def _behind(clause: str, at: int, certain: bool) -> Iterator[tuple[int, str]]:
    """The name that begins right behind a hint; behind a weak one it must also end as names do."""
    found = _NAME.match(clause, at)
    if not found:
        return
    surname, given = found["surname"], found["given"]
    whole = _END.match(clause, found.end()) is not None
    sound = found.group()[:2] not in NO_NAMES or (len(given) == 2 and set(given) <= GIVEN)
    if certain and whole and sound and not _NEVER & set(given):
        yield at, found.group()
        return
    if len(given) == 2 and (given[1] in NOT_GIVEN or (given[1] not in GIVEN and not whole)):
        given = given[0]
    name = surname + given
    ended = _END.match(clause, at + len(name)) is not None
    fair = _is_fair(name, certain) and (certain or (ended and len(given) == 2))
    if fair or (_is_clear(name) and ended):
        yield at, name


def _titled(clause: str, end: int) -> Iterator[tuple[int, str]]:
    """The longest name that ends where a title begins; a surname alone is one too."""
    for length in (4, 3, 2, 1):
        start = end - length
        name = clause[max(start, 0) : end]
        if start < 0 or _NO_TITLE_BEFORE.search(clause[max(end - 4, 0) : end]):
            continue
        alone = name in SURNAMES or name in COMPOUND
        full = _NAME.fullmatch(name) and name[:2] not in NO_NAMES and not _NEVER & set(name[1:])
        if alone or full:
            yield start, name
            return


def _stands_alone(name: str) -> bool:
    if _TITLE.search(name):
        return False
    return _is_clear(name) or (len(name) > 2 and _is_fair(name, doubtful=False))


def _is_clear(name: str) -> bool:
    """It is fair, and its signs are those of given names."""
    return _is_fair(name) and all(sign in GIVEN for sign in _given(name))


def _is_fair(name: str, doubtful: bool = True) -> bool:
    """It is no word, begins with none, and holds no sign that names do not have."""
    given = _given(name)
    if not given or name in NO_NAMES or name[:2] in NO_NAMES:
        return False
    return not NOT_GIVEN & set(given) and (doubtful or name[0] not in DOUBTFUL)


def _given(name: str) -> str:
    found = _NAME.fullmatch(name)
    return found["given"] if found else ""
