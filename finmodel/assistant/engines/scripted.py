"""An engine that says what it was told to: for tests, and where no model is at hand.

A function from a conversation to a reply comes in; the reply goes out, a few characters at a time,
under the same limits as any other's.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from finmodel.assistant.engines.engine import Asked, limited

_PIECE: Final = 4


@dataclass(frozen=True, slots=True)
class Scripted:
    """Says what `reply` gives for what is asked; a token is a character.

    >>> from finmodel.assistant.engines.engine import write
    >>> write(Scripted(lambda asked: "您好，请问有什么可以帮您"), Asked((), most=2))
    '您好'
    """

    reply: Callable[[Asked], str]
    name: str = "scripted"
    grammars: bool = False
    keeps: bool = False

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The reply in pieces of a few characters."""
        return limited(self._pieces(asked), asked)

    def _pieces(self, asked: Asked) -> Generator[str, None, None]:
        text = self.reply(asked)[: asked.most]
        for at in range(0, len(text), _PIECE):
            yield text[at : at + _PIECE]

    def close(self) -> None:
        """Nothing is held."""
