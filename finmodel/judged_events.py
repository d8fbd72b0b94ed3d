"""A verdict's words beside its counts in the event log: sealed, and read with the vault alone.

Words and a customer's key come in, a text that says nothing goes out, and the other way round.
Once the key is erased nobody reads it, wherever a copy of the log lies: in Kafka, too.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from finmodel.behaviours import SuggestionJudged
from finmodel.errors import Damaged
from finmodel.restriction_book import is_number
from finmodel.vault import SubjectKey, Vault

TOPIC: Final = str(SuggestionJudged.__struct_config__.tag)
_LONGEST = 10_000
"""Signs of a text that was sent; no service desk sends more, and a log's records have an end."""
_MOST_BYTES = 45_000
"""Of the words as JSON: sealed and in base64 they fit into the event's field."""
_REF = 16


class JudgedWords(msgspec.Struct, frozen=True, kw_only=True):
    """What of a verdict is words, or tells what the customer wanted."""

    text: str
    """What was sent, masked, with slots in place of the customer's values; empty where nothing."""
    reason: str = ""
    """Why it was rejected, masked."""
    intent: str = ""
    """What the customer's words were read as."""
    script: str = ""
    """The script that was judged; empty of an engine's words."""

    def __repr__(self) -> str:
        return "JudgedWords()"


def sealed_words(words: JudgedWords, key: SubjectKey) -> str:
    """Words as an event holds them."""
    text = words.text[:_LONGEST]
    while text and len(_plain(words, text)) > _MOST_BYTES:
        text = text[: len(text) * 3 // 4]  # a control character takes six bytes
    return base64.b64encode(key.pseudonym + key.seal(_plain(words, text))).decode()


def _plain(words: JudgedWords, text: str) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(words, text=text))


def words_of(event: SuggestionJudged, vault: Vault) -> JudgedWords:
    """What an event's `sealed` holds; NotFound where the customer was erased, Damaged where it was
    altered.
    """
    try:
        sealed = base64.b64decode(event.sealed, validate=True)
    except binascii.Error as error:
        raise Damaged(
            "its words were altered", where=event.event_id, remedy="restore the log from a copy"
        ) from error
    opened = vault.open(sealed[:_REF], sealed[_REF:])
    return msgspec.json.decode(opened, type=JudgedWords)


def log_number(customer: str, vault: Vault) -> int:
    """The number under which a customer stands in the event log: the id, where it is one.

    Whoever has another id has a number that this home's vault alone can make of it.
    """
    if is_number(customer):
        return int(customer)
    (stand_in,) = vault.stand_ins([f"in the log {customer}"])
    return stand_in & (2**63 - 1)
