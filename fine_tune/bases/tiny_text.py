"""What the tiny base reads: general text, a part of it set as chats in which fields stand.

A seed comes in; runs of tokens go out, each one text. An open base has seen chats before anybody
tunes it, and words in braces; the tiny one sees here what they look like, in made-up text that says
nothing of how a question is answered. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Final

from finmodel.assistant.slots import SLOTS
from finmodel.assistant.template import FAMILIES, Encode, Message, Role, rendered, tokens
from finmodel.lender.talk.general import general_text

CHAT: Final = 0.45
"""The part of all texts that is set as a chat."""
_FIELDS: Final = 0.6
"""The part of a chat's figures that become fields."""
_MOST: Final = 14
_SENTENCE: Final = re.compile(r"[^。！？\n]+[。！？]*")
_FIGURES: Final = {
    "money": re.compile(r"\d[\d,]*(?:\.\d+)?(?=元)"),
    "date": re.compile(r"(?:\d{4}年)?\d{1,2}月\d{1,2}日"),
    "rate": re.compile(r"\d+(?:\.\d+)?%"),
    "count": re.compile(r"\d+(?=[天期])"),
}
_NAMES: Final = {
    kind: [slot.name for slot in SLOTS.values() if slot.kind == kind] for kind in _FIGURES
}


def texts(size: int, seed: int) -> Iterator[str | tuple[Message, ...]]:
    """Texts of so many bytes together, plain or as a chat."""
    chance = Random(f"tiny {seed}")
    for text in general_text(size, seed):
        yield chat(text, chance) if chance.random() < CHAT else text
        if chance.random() < 0.2:
            yield _form(chance)


def chat(text: str, chance: Random) -> tuple[Message, ...]:
    """A text's sentences as a chat: what stands there, said by two in turn.

    >>> [m.role for m in chat("早。借出7元。好的。再见。", Random(5))]
    ['user', 'assistant', 'user', 'assistant']
    """
    sentences = [_with_fields(one.strip(), chance) for one in _SENTENCE.findall(text)]
    found: list[Message] = []
    if len(sentences) > 3 and chance.random() < 0.6:
        found.append(Message("system", sentences.pop(0)))
    roles: tuple[Role, Role] = ("user", "assistant")
    while sentences and len(found) < _MOST:
        size = 1 + (chance.random() < 0.35)
        said, sentences = "".join(sentences[:size]), sentences[size:]
        found.append(Message(roles[sum(m.role != "system" for m in found) % 2], said))
    return tuple(found)


def encoded(one: str | tuple[Message, ...], encode: Encode) -> list[int]:
    """A text's tokens."""
    if isinstance(one, str):
        return list(encode(one, False))
    family = FAMILIES["chatml"]
    return tokens([piece for pieces in rendered(family, one) for piece in pieces], encode)


def written(one: str | tuple[Message, ...]) -> str:
    """A text as its tokenizer learns it, without control words."""
    return one if isinstance(one, str) else "\n".join(message.text for message in one)


def _with_fields(sentence: str, chance: Random) -> str:
    for slot in SLOTS.values():
        named = re.compile(rf"({re.escape(slot.chinese)}[是为：]?)[\d,.]+")
        sentence = named.sub(rf"\g<1>{{{slot.name}}}", sentence)
    for kind, figure in _FIGURES.items():

        def replaced(found: re.Match[str], names: list[str] = _NAMES[kind]) -> str:
            return f"{{{chance.choice(names)}}}" if chance.random() < _FIELDS else found[0]

        sentence = figure.sub(replaced, sentence)
    return sentence


def _form(chance: Random) -> str:
    """A form's lines: what a field is called, and the field."""
    chosen = chance.sample(list(SLOTS.values()), 6)
    between = chance.choice(("：", "为", "是", " "))
    return chance.choice(("\n", "，", "；")).join(
        f"{s.chinese}{between}{{{s.name}}}" for s in chosen
    )
