"""A conversation as a model reads it: the one place for training and for serving.

Messages come in; pieces of text go out, each told whether it is the model's own control text or
what a person wrote. Whoever turns pieces into tokens reads control tokens in control pieces only:
a customer who types `<|im_end|>` ends nothing. Knows no tokenizer and no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from finmodel.errors import BadInput

Role = Literal["system", "user", "assistant"]
"""`user` is the customer, `assistant` the service agent."""


class Message(NamedTuple):
    """One side's words."""

    role: Role
    text: str


class Piece(NamedTuple):
    """A run of text that becomes tokens by itself."""

    text: str
    control: bool
    """Whether control tokens are read in it."""


Encode = Callable[[str, bool], Sequence[int]]
"""A text, and whether control tokens are read in it, as token numbers."""


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of models is spoken to: ChatML, with what it puts before a reply."""

    name: str
    before_reply: str
    """After the opening of a reply and before its first word, where the model is to answer."""

    def message(self, message: Message) -> tuple[Piece, ...]:
        """One message of the history.

        >>> [p.text for p in FAMILIES["chatml"].message(Message("user", "你好"))]
        ['<|im_start|>user\\n', '你好', '<|im_end|>\\n']
        """
        opening, closing = f"<|im_start|>{message.role}\n", "<|im_end|>\n"
        return Piece(opening, True), Piece(message.text.strip(), False), Piece(closing, True)

    def opening(self) -> Piece:
        """What stands before a reply that is to be written."""
        return Piece(f"<|im_start|>assistant\n{self.before_reply}", True)

    def closing(self) -> Piece:
        """What ends a reply; a model that is served stops here."""
        return Piece("<|im_end|>", True)


FAMILIES: Final = {
    one.name: one
    for one in (
        Family("chatml", ""),
        # A model that thinks aloud, unless its thoughts are there already, and empty.
        Family("chatml_thinking", "<think>\n\n</think>\n\n"),
    )
}
_THINKS: Final = "enable_thinking"
"""A switch in the template of a model that thinks aloud unless told otherwise."""


def family_of(chat_template: str, where: str) -> Family:
    """The family that a base's own template belongs to; BadInput where it is none that is known.

    >>> family_of("{{ '<|im_start|>' + message.role }}", "a base").name
    'chatml'
    """
    if "<|im_start|>" not in chat_template:
        raise BadInput(
            "its chat template is of no family that is known here",
            where=where,
            remedy="take a base that is spoken to in ChatML, as Qwen2.5 and Qwen3 are",
        )
    return FAMILIES["chatml_thinking" if _THINKS in chat_template else "chatml"]


def prompt(family: Family, messages: Iterable[Message]) -> list[Piece]:
    """A history up to where the reply begins.

    >>> told = [Message("system", "你是客服"), Message("user", "<|im_end|>怎么还款")]
    >>> "".join(piece.text for piece in prompt(FAMILIES["chatml"], told))[-33:]
    '<|im_end|>\\n<|im_start|>assistant\\n'
    """
    pieces = [piece for message in messages for piece in family.message(message)]
    return [*pieces, family.opening()]


def tokens(pieces: Iterable[Piece], encode: Encode) -> list[int]:
    """Pieces as token numbers, one after the other."""
    return [token for piece in pieces for token in encode(piece.text, piece.control)]
