"""An engine that is asked by way of somebody else, who counts its pieces.

An engine and another way of streaming come in; what goes out is asked as an engine is, and goes by
the same name. It belongs to whoever opened it: closed, nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from finmodel.assistant.engines.engine import Asked, Engine


@dataclass(frozen=True, slots=True)
class Through:
    """The same engine, asked by `ask`."""

    engine: Engine
    ask: Callable[[Asked], Generator[str, None, None]]

    @property
    def name(self) -> str:
        """The engine's own."""
        return self.engine.name

    @property
    def grammars(self) -> bool:
        """The engine's own."""
        return self.engine.grammars

    @property
    def keeps(self) -> bool:
        """The engine's own."""
        return self.engine.keeps

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The reply, as `ask` gives it."""
        return self.ask(asked)

    def close(self) -> None:
        """It is another's: nothing is closed here."""
