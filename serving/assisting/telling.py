"""What became of suggestions, told to MLflow: each as a trace, and its verdict behind it.

The book of suggestions comes in; traces go out, under the suggestion's own id, in which nobody
reads a customer's words, facts or name, nor which conversation it was. What was sent stands at the
verdict, sealed under the customer's key, and is read with the vault alone: `said` opens it. Runs
beside the service, as often as somebody likes: what was told once is not told again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Final

import msgspec

from finmodel.assistant.suggesting.answers import Scored, Suggested, Trace
from finmodel.assistant.suggesting.context import prompt_text, prompt_version
from finmodel.conversation_book import ConversationBook
from finmodel.conversations import Conversation
from finmodel.errors import Damaged, NotFound, Refused
from finmodel.mlflow_traces import (
    Judgement,
    Step,
    Traced,
    judgements_on,
    register_prompt,
    write_judgements,
    write_traces,
)
from finmodel.privacy.masks import Masks
from finmodel.restriction_book import RestrictionBook
from finmodel.settings import Settings
from finmodel.suggestion_book import SuggestionBook, Untold
from finmodel.vault import Vault
from finmodel.verdicts import Verdict

EXPERIMENT: Final = "assistant"
PROMPT: Final = "assistant_prompt"
_AT_ONCE: Final = 100
_SEALED: Final = "sealed"
_LONGEST: Final = 60_000
"""Signs of sealed words: MySQL's TEXT, in which an MLflow server may keep them, ends soon after."""
_ELSEWHERE: Final = "finmodel assist export writes all that may be learnt of"


class Told(msgspec.Struct, frozen=True):
    """What was told, and the version of the prompt in the registry."""

    traces: int
    verdicts: int
    deleted: int
    """Verdicts on traces that somebody deleted in MLflow: nothing is told of them any more."""
    erased: int
    """Suggestions whose customer was erased: nothing is told of them."""
    prompt: str
    prompt_version: int


def tell(here: Settings) -> Told:
    """Tell MLflow of every suggestion and verdict that it does not have.

    A run that dies is made up for by the next: MLflow is told first and takes the same thing twice
    as once, then the book keeps that it was.
    """
    version = register_prompt(here, PROMPT, prompt_text(), prompt_version())
    traces = verdicts = deleted = erased = 0
    with ExitStack() as stack:
        vault = stack.enter_context(closing(Vault(here.vault)))
        book = stack.enter_context(closing(SuggestionBook(here.suggestions, vault)))
        restricted = stack.enter_context(closing(RestrictionBook(here, vault)))
        while some := book.untold(_AT_ONCE, restricted.refs()):
            there = [one for one in some if one.body]
            new = [trace_of(one) for one in there if not one.again]
            write_traces(here, EXPERIMENT, new)
            judged = [found for one in there if (found := judgement_of(one))]
            written = write_judgements(here, judged)
            book.tell(some)
            traces += len(new)
            verdicts += written
            deleted += len(judged) - written
            erased += sum(not (one.body or one.again) for one in some)
    return Told(traces, verdicts, deleted, erased, prompt_version(), version)


def trace_of(one: Untold) -> Traced:
    """A suggestion as MLflow keeps it: sources, versions, rules and times."""
    told = msgspec.json.decode(one.body, type=Suggested)
    trace = told.trace
    ends = round(one.at.timestamp() * 1e3)
    return Traced(
        id=one.name,
        begun_ms=ends - round(trace.ms),
        steps=tuple(_steps(one, told)),
        tags={
            "scenario": one.scenario,
            "tenure": one.tenure,
            "writer": one.writer,
            "prompt": trace.prompt,
            "trace": trace.id,
        },
    )


def judgement_of(one: Untold) -> Judgement | None:
    """The verdict's counts, and its words sealed; None where there is no verdict yet."""
    if one.counts is None:
        return None
    told = msgspec.to_builtins(one.counts)
    choice = told.pop("choice")
    words = b64encode(one.sealed).decode()
    sealed = {_SEALED: words} if 0 < len(words) <= _LONGEST else {}
    return Judgement(one.name, choice, one.agent, {key: str(told[key]) for key in told} | sealed)


def said(here: Settings, name: str) -> Verdict:
    """The verdict that MLflow's trace of a suggestion holds, masked by all of its conversation.

    NotFound where MLflow or this home has none, or the customer was erased; Refused where they did
    not consent to training or asked to be erased; Damaged where it was altered in MLflow.
    """
    where = f"MLflow's trace tr-{name}"
    kept = (one.told.get(_SEALED, "") for one in judgements_on(here, name))
    sealed = next(filter(None, kept), "")
    if not sealed:
        raise NotFound("it holds no verdict with words", where=where, remedy=_ELSEWHERE)
    if not here.suggestions.exists():
        raise NotFound("it was shown in another home", where=where, remedy="set FINMODEL_HOME")
    with ExitStack() as stack:
        vault = stack.enter_context(closing(Vault(here.vault)))
        book = stack.enter_context(closing(SuggestionBook(here.suggestions, vault)))
        talks = stack.enter_context(closing(ConversationBook(here.conversations, vault)))
        restricted = stack.enter_context(closing(RestrictionBook(here, vault)))
        try:
            found = book.opened(name, b64decode(sealed, validate=True))
        except (ValueError, Damaged) as error:
            raise Damaged("its words were altered there", where=where, remedy=_ELSEWHERE) from error
        talk = talks.read(found.conversation)
        if not talk.consent_to_training or talks.ref_of(talk.id) in restricted.refs():
            what, remedy = "its customer lets nobody learn of it", "leave it out"
            raise Refused(what, where=where, remedy=remedy)
    return _masked(found, talk)


def _masked(found: Verdict, talk: Conversation) -> Verdict:
    texts = found.suggestion, found.sent, found.reason
    masks = Masks.of([*(one.text for one in talk.messages), *texts])
    suggestion, sent, reason = map(masks.mask, texts)
    return msgspec.structs.replace(found, suggestion=suggestion, sent=sent, reason=reason)


def _steps(one: Untold, told: Suggested) -> Iterator[Step]:
    trace = told.trace
    yield Step("suggest", "CHAIN", 0.0, trace.ms, _whole(told))
    yield Step(
        "scripts",
        "RETRIEVER",
        0.0,
        trace.scripts_ms,
        {"considered": _named(trace.scripts), "confident": trace.confident},
    )
    if trace.prompt_tokens:
        yield Step(
            "write",
            "LLM",
            trace.scripts_ms,
            trace.ms,
            {
                "engine": trace.engine,
                "writer": one.writer,
                "prompt": f"prompts:/{PROMPT} {trace.prompt}",
                "sources": _named(trace.sources),
                "prompt_tokens": trace.prompt_tokens,
                "kept_tokens": trace.kept_tokens,
                "written_tokens": trace.written_tokens,
                "begun_ms": trace.begun_ms,
                "first_ms": trace.first_ms,
                "turns_left_out": trace.left_out,
                "turns_recalled": len(trace.recalled),
            },
        )
    rules = [f"{met.rule} {met.done} {met.of}".strip() for met in trace.rules]
    yield Step("guards", "GUARDRAIL", trace.scripts_ms, trace.ms, {"rules": rules})


def _whole(told: Suggested) -> dict[str, object]:
    trace: Trace = told.trace
    return {
        "suggested": [
            f"{one.script} v{one.version}" if one.script else one.kind for one in told.suggestions
        ],
        "identity": trace.identity,
        "third_party": trace.third_party,
        "routed": trace.routed,
        "day": trace.day.isoformat(),
        "reason": trace.reason,
    }


def _named(every: tuple[Scored, ...]) -> list[str]:
    return [f"{one.id} v{one.version} {one.score:.3f}" for one in every]
