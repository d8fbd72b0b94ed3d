"""The columns of a workbook of scripts, and their words in Chinese.

A key comes in, its Chinese word goes out, and the other way round; either is read. What stands in
a column may mean is not known here. Pure.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final, TypeVar

from finmodel.assistant.intents import load_intents
from finmodel.conversations import Account, Identity
from finmodel.errors import BadInput

Key = TypeVar("Key", bound=str)

SHEET: Final = "话术"
"""The sheet that holds the scripts."""
BESIDE: Final = ("意图", "变量")
"""Sheets that an export shows beside it: every intent, and every slot."""
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("编号", "话术编号"),
    "version": ("版本",),
    "scenario": ("场景",),
    "intent": ("意图",),
    "needs": ("身份要求", "身份"),
    "account": ("账户状态",),
    "text": ("话术", "话术内容", "文本"),
    "slots": ("变量", "槽位"),
    "valid_from": ("生效日期", "有效期起", "生效日"),
    "valid_to": ("失效日期", "有效期止", "失效日"),
    "reviewer": ("审核人", "复核人"),
}
"""Each with its usual word first."""
REQUIRED: Final = ("intent", "text", "valid_from", "reviewer")
NEEDS: Final[dict[Identity, str]] = {"none": "无需核验", "basic": "基础核验", "verified": "已核验"}
ACCOUNTS: Final[dict[Account, str]] = {
    "visitor": "未申请",
    "applied": "申请中",
    "declined": "未通过",
    "current": "正常",
    "overdue": "逾期",
    "settled": "已结清",
}


def column_of(header: str) -> str:
    """The column that a header names, in English or Chinese; empty where it names none.

    >>> column_of("意图"), column_of("Valid From"), column_of("备注")
    ('intent', 'valid_from', '')
    """
    said = header.strip()
    key = said.lower().replace(" ", "_")
    if key in COLUMNS:
        return key
    return next((name for name, words in COLUMNS.items() if said in words), "")


def intent_words() -> dict[str, str]:
    """Every intent with its Chinese name."""
    return {name: one.zh for name, one in load_intents().items()}


def key_of(said: str, words: Mapping[Key, str], what: str) -> Key:
    """The key that a word stands for; BadInput, with the nearest, where it stands for none.

    >>> key_of("还款日", intent_words(), "intent"), key_of("due_date", intent_words(), "intent")
    ('due_date', 'due_date')
    >>> key_of("还款曰", intent_words(), "intent")
    Traceback (most recent call last):
    finmodel.errors.BadInput: no intent '还款曰'; did you mean 还款日 (due_date)?
    """
    for key, word in words.items():
        if said in (key, word):
            return key
    near = difflib.get_close_matches(said, [*words.values(), *words], 1)
    if not near:
        raise BadInput(f"no {what} {said[:40]!r}", remedy=f"one of {', '.join(words.values())}")
    key = next(key for key, word in words.items() if near[0] in (key, word))
    raise BadInput(f"no {what} {said[:40]!r}", remedy=f"did you mean {words[key]} ({key})?")
