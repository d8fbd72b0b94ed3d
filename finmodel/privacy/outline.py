"""A record's bytes as somebody may see them who mends how it is read: its shape, nothing personal.

Bytes come in, a text goes out. Names of fields, words in Latin letters, small numbers and times
stay readable, for they tell what is wrong; whatever else could be a person's is told by its length.
Knows no topic and no schema.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from finmodel.privacy.kinds import PLACEHOLDER
from finmodel.privacy.masks import Masks

LONGEST: Final = 4_000
"""Characters that are shown."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,31}")
_LONG_NUMBER: Final = re.compile(r"\d{5,}")
_NAMING: Final = re.compile(
    r"name|phone|mobile|tel|mail|addr|card|account|passport|wechat|contact|user|cust|client|borrow"
    r"|holder|owner|person|payer|payee|birth|(id|no)$|[^ -~]",
    re.IGNORECASE,
)
"""Fields of ours and of lenders that say who somebody is, and those in no Latin letters: whatever
they hold."""
_LONGEST_NUMBER: Final = 7
"""Digits: a telephone's has more."""
_DEEPEST: Final = 24


def outline(data: bytes | None) -> str:
    """What may be seen of a record; JSON as JSON, other text and bytes by their length alone.

    >>> outline('{"name": "Li", "tel": 13800138000, "at": "2024-02-01", "note": "张三"}'.encode())
    '{"name":"‹2 chars›","tel":"‹11 digits›","at":"2024-02-01","note":"‹2 chars›"}'
    >>> outline(b'{"customer_id": 42, "status": "sucess", "amount": "12.345"}')
    '{"customer_id":"‹2 digits›","status":"sucess","amount":"12.345"}'
    >>> outline(b"\\xff\\x00"), outline("不是JSON".encode()), outline(None)
    ('‹2 bytes, no text›', '‹6 chars, no JSON›', '‹nothing was sent›')
    """
    if data is None:
        return "‹nothing was sent›"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"‹{len(data)} bytes, no text›"
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return f"‹{len(text)} chars, no JSON›"
    seen = msgspec.json.encode(_seen(told, "", 0)).decode()
    return seen if len(seen) <= LONGEST else seen[:LONGEST] + "…"


def _seen(value: Any, field: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return "‹deeper›"
    if isinstance(value, dict):
        return {_key(name): _seen(one, name, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_seen(one, field, depth + 1) for one in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, field)
    return _number(value, field)


def _key(name: str) -> str:
    """A field's name; one that is data itself, as a number or a name, is not told."""
    return name if _WORD.fullmatch(name) or name.startswith("$") else f"‹{len(name)} chars›"


def _number(value: float, field: str) -> Any:
    digits = len(re.sub(r"\D", "", str(value)))
    return f"‹{digits} digits›" if _NAMING.search(field) or digits > _LONGEST_NUMBER else value


def _text(value: str, field: str) -> str:
    if _TIME.fullmatch(value) or not value:
        return value
    if _NAMING.search(field):
        return f"‹{len(value)} {'digits' if value.isdigit() else 'chars'}›"
    if _WORD.fullmatch(value) and not _LONG_NUMBER.search(value):
        return value
    plain = value.replace(".", "", 1).lstrip("+-")
    if plain.isdigit() and len(plain) <= _LONGEST_NUMBER:
        return value
    masked = Masks().mask(value)
    return masked if PLACEHOLDER.fullmatch(masked) else f"‹{len(value)} chars›"
