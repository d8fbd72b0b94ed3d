"""One reply by an engine: asked within a time, judged sentence by sentence, said or given up.

What is asked for, what may be told and a writer come in; sentences go out as they stand, and in the
end what came of it. An engine that says nothing, garbage, or more and more, ends in a reason. Knows
no engine by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.engines.within import within
from finmodel.assistant.sentences import Sentences
from finmodel.assistant.suggesting.answers import Met, Origin, Scored, Sentence, Suggestion
from finmodel.assistant.suggesting.asking import Asking, Told, open_words
from finmodel.assistant.suggesting.candidate import Candidate, GivenUp
from finmodel.assistant.suggesting.context import Prompt, prompt_of
from finmodel.assistant.suggesting.grammar import grammar_of
from finmodel.assistant.suggesting.origins import Text
from finmodel.assistant.suggesting.recall import Recalled
from finmodel.assistant.suggesting.shelf import Shelf, Writer
from finmodel.conversations import tokens_about
from finmodel.errors import FinmodelError

Clock = Callable[[], float]
_LONGEST: Final = 240
"""Characters without the end of a sentence: the engine is stuck."""


class Outcome(Struct, frozen=True):
    """What came of it."""

    suggestion: Suggestion | None = None
    reason: str = ""
    """Why there is none."""
    met: tuple[Met, ...] = ()
    sources: tuple[Scored, ...] = ()
    recalled: tuple[Recalled, ...] = ()
    left_out: int = 0
    prompt_tokens: int = 0
    written_tokens: int = 0
    first: float | None = None
    """When the first sentence stood, by the clock."""


def generate(
    asking: Asking,
    told: Told,
    scripts: Sequence[Suggestion],
    shelf: Shelf,
    writer: Writer,
    clock: Clock = time.perf_counter,
) -> Generator[Sentence, None, Outcome]:
    """The sentences of one reply; closed early, the engine is cancelled.

    `scripts` are what is offered beside: a sentence that says the same has their source.
    """
    question = "，".join(one.text for one in open_words(asking.messages))
    sources, met = shelf.read(question, told, asking.day)
    prompt = prompt_of(asking, told, [one.source.text for one in sources], writer.room)
    origins = [Text(Origin("script", s.script, s.version), s.slotted) for s in scripts]
    origins += [
        Text(Origin("document", one.source.id, one.source.version), one.source.text)
        for one in sources
    ]
    before = next((one.text for one in reversed(asking.messages) if one.who == "agent"), "")
    candidate = Candidate(told, asking.day, writer.engine.name, origins, before)
    heard: list[str] = []
    first, reason = None, ""
    written = _written(prompt, told, writer, heard)
    try:
        for slotted in written:
            if (said := candidate.add(slotted)) is not None:
                first = clock() if first is None else first
                yield said
        candidate.finish()
    except GivenUp as given_up:
        reason = f"given up: {given_up.rule}"
    except FinmodelError as error:
        reason = f"the engine failed: {error.code}"
    except Exception as error:  # noqa: BLE001 - whatever an engine does, scripts stand
        reason = f"the engine failed: {type(error).__name__}"
    finally:
        written.close()
    return Outcome(
        suggestion=None if reason else _whole(candidate, prompt.recalled),
        reason=reason,
        met=(*met, *candidate.met),
        sources=tuple(Scored(f.source.id, f.source.version, f.share) for f in sources),
        recalled=prompt.recalled,
        left_out=prompt.left_out,
        prompt_tokens=prompt.tokens,
        written_tokens=tokens_about("".join(heard)),
        first=first,
    )


def _written(
    prompt: Prompt, told: Told, writer: Writer, heard: list[str]
) -> Generator[str, None, None]:
    """The engine's sentences, with slots; raises `GivenUp` where one never ends."""
    engine = writer.engine
    asked = Asked(
        prompt.messages,
        adapter=writer.adapter,
        most=writer.most,
        seconds=writer.seconds,
        temperature=writer.temperature,
        seed=writer.seed,
        stop=("\n",),
        grammar=grammar_of(told.facts) if engine.grammars else "",
    )
    stream = Sentences()
    pieces = within(engine, asked, writer.cancelled)
    try:
        for piece in pieces:
            heard.append(piece)
            yield from stream.feed(piece)
            if len(stream) > _LONGEST:
                raise GivenUp("garbage")
        if rest := stream.close():
            yield rest
    finally:
        pieces.close()


def _whole(candidate: Candidate, recalled: Sequence[Recalled]) -> Suggestion:
    whole = Suggestion(kind="generated", sentences=tuple(candidate.said))
    used = tuple(one for one in recalled if one.used_in(whole.slotted))
    return replace(whole, recalled=used)
