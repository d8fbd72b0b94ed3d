"""What every engine is: a conversation and limits in, text out, piece by piece as it comes.

Whoever asks knows no engine; which one answers is chosen where it is opened. A prompt is always
made by `template.py`, so that what was trained is what is served. No prompt stands in any error or
representation: no log may get one. Knows no library.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from finmodel.assistant.template import Family, Message, prompt, tokens
from finmodel.errors import BadInput, NotFound, NotReady

if TYPE_CHECKING:  # it imports tokenizers, which takes a second
    from finmodel.assistant.encoder import Encoder

MOST: Final = 160
"""Tokens of a reply, if nothing else is asked for."""


class Read(NamedTuple):
    """How much an engine read before it wrote."""

    tokens: int
    """Of the prompt."""
    kept: int
    """Of them, those that it had read before and need not read again."""


class Wording(Protocol):
    """What a reply keeps to, while it is being written."""

    def begins(self, text: str) -> bool:
        """Whether a reply may begin so."""
        ...

    def ends(self, text: str) -> bool:
        """Whether this may be all of it."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One reply that is wanted."""

    messages: tuple[Message, ...] = field(repr=False)
    """The history; its last message is answered."""
    adapter: str = ""
    """The adapter's name; empty for the bare base."""
    most: int = MOST
    """Tokens at most."""
    seconds: float = 120.0
    """What was written by then stands."""
    temperature: float = 0.0
    """0 is greedy: the likeliest token each time."""
    seed: int = 1
    stop: tuple[str, ...] = ()
    """Words before which a reply ends, beside what ends one in this family."""
    grammar: str = ""
    """GBNF that the reply must keep to, where the engine can."""
    wording: Wording | None = field(default=None, repr=False, compare=False)
    """The same for an engine that reads no grammar and can pass over a token."""
    tell: Callable[[Read], None] | None = field(default=None, repr=False, compare=False)
    """Told before the first piece, where the engine knows."""


class Engine(Protocol):
    """Something that writes replies."""

    @property
    def name(self) -> str:
        """As tables and traces call it."""
        ...

    @property
    def grammars(self) -> bool:
        """Whether it holds to `Asked.grammar`."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether it keeps what it read of a conversation: then it is worth reading ahead."""
        ...

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The reply in pieces; whoever closes the generator cancels it."""
        ...

    def close(self) -> None:
        """Let go of memory and threads."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """How a base is spoken to."""

    family: Family
    encode: Encoder
    digest: str
    """Of the base: an adapter belongs to one."""

    def prompt(self, asked: Asked) -> list[int]:
        """The tokens of a prompt, as they are trained."""
        return tokens(prompt(self.family, asked.messages), self.encode)


@dataclass(frozen=True, slots=True)
class Laid:
    """An adapter to lay over a base."""

    path: Path
    """PEFT's directory for transformers, a GGUF for llama.cpp."""
    base: str
    """Digest of the base that it belongs to."""


def require_same_base(adapter: str, belongs: str, base: str) -> None:
    """BadInput where an adapter belongs to another base than this one, by their digests."""
    if belongs != base:
        raise BadInput(
            f"the adapter belongs to another base ({belongs[:12]}…, this is {base[:12]}…)",
            where=adapter,
            remedy="name the base that it was tuned on",
        )


def require_known(adapter: str, known: Iterable[str], engine: str) -> None:
    """NotFound where an engine has no adapter of this name."""
    there = sorted(known)
    if adapter and adapter not in there:
        raise NotFound(
            f"no adapter is called {adapter!r} (there are: {', '.join(there) or 'none'})",
            where=engine,
            remedy="open the engine with it",
        )


def require_all_of(base: str, adapters: Mapping[str, Laid]) -> None:
    """BadInput where one of the adapters belongs to another base."""
    for name, laid in adapters.items():
        require_same_base(name, laid.base, base)


def refuse_grammar(asked: Asked, engine: str) -> None:
    """BadInput for an engine that would write past a grammar."""
    if asked.grammar:
        raise BadInput(
            "it holds to no grammar", where=engine, remedy="ask llama.cpp, or without a grammar"
        )


def was_closed(engine: str) -> NotReady:
    """Of an engine that is asked after it let go of its model."""
    return NotReady("it was closed", where=engine, remedy="open it again")


def broke_down(engine: str, error: BaseException, then: str) -> NotReady:
    """Of an engine that failed; the error's own words may hold the prompt and are not repeated."""
    return NotReady(
        f"{engine} failed ({type(error).__name__})",
        where=engine,
        remedy=f"see that the machine has memory to spare, then {then}",
    )


def write(engine: Engine, asked: Asked) -> str:
    """The whole reply, without the blanks that some families put around one."""
    return "".join(engine.stream(asked)).strip()


def limited(
    pieces: Generator[str, None, None], asked: Asked, clock: Callable[[], float] = time.monotonic
) -> Generator[str, None, None]:
    """Pieces up to a stop word or the end of the time; what may begin a stop word waits.

    >>> def said():
    ...     yield from ["您好，", "请还款<", "|end|>多", "余"]
    >>> "".join(limited(said(), Asked((), stop=("<|end|>",))))
    '您好，请还款'
    """
    until = clock() + asked.seconds
    held = ""
    try:
        for piece in pieces:
            held += piece
            ends = [at for word in asked.stop if (at := held.find(word)) >= 0]
            if ends:
                yield held[: min(ends)]
                return
            safe = len(held) - _may_begin(held, asked.stop)
            if safe:
                yield held[:safe]
                held = held[safe:]
            if clock() > until:
                break
        if held:
            yield held
    finally:
        pieces.close()


def _may_begin(text: str, words: tuple[str, ...]) -> int:
    """How many of the last characters may begin one of the words."""
    longest = max((len(word) for word in words), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(word.startswith(text[-size:]) for word in words):
            return size
    return 0
