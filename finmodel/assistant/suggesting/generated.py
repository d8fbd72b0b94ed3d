"""One reply by an engine: asked within a time, judged sentence by sentence, said or given up.

What is asked for, what may be told and a writer come in; that it began goes out, then sentences as
they stand, and in the end what came of it. An engine that says nothing, garbage, or more and more,
ends in a reason. Knows no engine by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from finmodel.assistant.engines.engine import Asked, Read
from finmodel.assistant.engines.within import within
from finmodel.assistant.matching.sources import Found
from finmodel.assistant.sentences import Sentences
from finmodel.assistant.suggesting.answers import Begun, Met, Origin, Scored, Sentence, Suggestion
from finmodel.assistant.suggesting.asking import Asking, Told, open_words
from finmodel.assistant.suggesting.candidate import Candidate, GivenUp
from finmodel.assistant.suggesting.context import Prompt, prompt_of
from finmodel.assistant.suggesting.grammar import SlottedLine, grammar_of
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
    kept_tokens: int | None = None
    """Of the prompt's, those that the engine had read before, where it says so."""
    written_tokens: int = 0
    begun: float | None = None
    """When the engine's first token came, by the clock."""
    first: float | None = None
    """When the first sentence stood, by the clock."""


@dataclass(slots=True)
class _Heard:
    """What an engine said of itself, and what it wrote."""

    prompt_tokens: int
    kept_tokens: int | None = None
    begun: float | None = None
    pieces: list[str] = field(default_factory=list, repr=False)

    def tell(self, read: Read) -> None:
        """How much it read."""
        self.prompt_tokens, self.kept_tokens = read


def generate(
    asking: Asking,
    told: Told,
    scripts: Sequence[Suggestion],
    shelf: Shelf,
    writer: Writer,
    clock: Clock = time.perf_counter,
) -> Generator[Begun | Sentence, None, Outcome]:
    """That the engine began, then the sentences of one reply; closed early, it is cancelled.

    `scripts` are what is offered beside: a sentence that says the same has their source.
    """
    sources, met = _sources(asking, told, shelf, writer)
    prompt = prompt_of(asking, told, [one.source.text for one in sources], writer.room)
    origins = [Text(Origin("script", s.script, s.version), s.slotted) for s in scripts]
    origins += [
        Text(Origin("document", one.source.id, one.source.version), one.source.text)
        for one in sources
    ]
    before = next((one.text for one in reversed(asking.messages) if one.who == "agent"), "")
    judge = writer.judge.rule_of if writer.judge else None
    candidate = Candidate(told, asking.day, writer.engine.name, origins, judge, before)
    heard = _Heard(prompt.tokens)
    first, reason = None, ""
    written = _written(prompt, told, writer, heard)
    try:
        for slotted in written:
            if heard.begun is None:
                heard.begun = clock()
                yield Begun(heard.prompt_tokens, heard.kept_tokens)
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
        prompt_tokens=heard.prompt_tokens,
        kept_tokens=heard.kept_tokens,
        written_tokens=tokens_about("".join(heard.pieces)),
        begun=heard.begun,
        first=first,
    )


def ahead(asking: Asking, told: Told, shelf: Shelf, writer: Writer) -> Asked:
    """What an engine may read before a reply is asked for: the prompt of one in no other tone."""
    sources, _ = _sources(asking, told, shelf, writer)
    prompt = prompt_of(asking, told, [one.source.text for one in sources], writer.room)
    return Asked(prompt.messages, adapter=writer.adapter, most=1, seconds=writer.seconds)


def _sources(
    asking: Asking, told: Told, shelf: Shelf, writer: Writer
) -> tuple[list[Found], list[Met]]:
    question = "，".join(one.text for one in open_words(asking.messages))
    return shelf.read(question, told, asking.day, writer.fresh)


def _written(
    prompt: Prompt, told: Told, writer: Writer, heard: _Heard
) -> Generator[str, None, None]:
    """Nothing once it begins, then its sentences with slots; `GivenUp` where one never ends, or
    nobody wants it any more: what stands then is no reply."""
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
        wording=SlottedLine(told.facts),
        tell=heard.tell,
    )
    stream = Sentences()
    with writer.turn(), closing(within(engine, asked, writer.cancelled)) as pieces:
        for piece in pieces:
            if not heard.pieces:
                yield ""
            heard.pieces.append(piece)
            yield from stream.feed(piece)
            if len(stream) > _LONGEST:
                raise GivenUp("garbage")
        if writer.cancelled is not None and writer.cancelled.is_set():
            raise GivenUp("cancelled")
        if rest := stream.close():
            yield rest


def _whole(candidate: Candidate, recalled: Sequence[Recalled]) -> Suggestion:
    whole = Suggestion(kind="generated", sentences=tuple(candidate.said))
    used = tuple(one for one in recalled if one.used_in(whole.slotted))
    return replace(whole, recalled=used)
