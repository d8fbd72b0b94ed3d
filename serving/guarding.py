"""`finmodel guards`: what the guards make of a text, for whoever keeps their rules.

A text from a shell comes in, what was found goes out, each with its place. Nothing is logged.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final

import typer

from finmodel.errors import BadInput
from serving.calibrating import calibrate_command
from serving.guard_cases import cases, check_cases
from serving.operators import Json
from serving.screen import emit

LONGEST: Final = 1_000_000
"""Characters of a text that is read."""
_SHOWN: Final = 60

guards = typer.Typer(
    no_args_is_help=True, help="The guards: what they make of a text, and of your false alarms."
)
guards.command()(cases)
guards.command("check-cases")(check_cases)
guards.command("calibrate")(calibrate_command)


class Direction(StrEnum):
    """Who wrote it."""

    inward = "in"
    outward = "out"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was found."""

    name: str
    zh: str
    en: str
    by: str
    """A rule of that name, the classifier, or a judge."""
    start: int
    end: int
    span: str
    """As it was written; the begin of a long one."""
    routing: str = ""
    """Of a message: answer, escalate or refuse."""
    script: str = ""
    """Of a message: the approved script to begin with."""
    severity: str = ""
    """Of a reply: block, replace or warn."""
    rewrite: str = ""
    """Of a reply: what may stand in the sentence's place; empty where it has to be said anew."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the guards make of a text."""

    direction: str
    characters: int
    routing: str
    """Where a message goes; empty where it is answered as any other, and for a reply."""
    found: list[Found]
    said: str
    """The same in a sentence."""


@guards.command("try")
def guards_try(
    text: Annotated[str, typer.Argument(help="The text; - reads standard input.")],
    direction: Annotated[
        Direction, typer.Option(help="in: a customer's message; out: a reply.")
    ] = Direction.outward,
    judge: Annotated[
        str,
        typer.Option(help="A model that judges each sentence of a reply too: a base or a URL."),
    ] = "",
    json: Json = False,
) -> None:
    """Say what the guards find in a text, where, and what follows."""
    if judge and direction is Direction.inward:
        raise BadInput("a judge reads replies", where="--judge", remedy="leave it out with in")
    given = _given(text)
    tried = read_in(given) if direction is Direction.inward else read_out(given)
    if judge:
        tried = judged(tried, given, judge)
    if json:
        emit(tried, True)
        return
    for line in lines(tried):
        typer.echo(line)


def read_in(text: str) -> Tried:
    """What a customer's message calls for, to the guard as this home calibrated it."""
    from finmodel.assistant.guards.inbound import asked, routing_of
    from finmodel.assistant.guards.inbound_rules import calls
    from serving.inbound_guard import inbound_guard
    from serving.operators import settings

    many = asked(text, model=inbound_guard(settings()))
    found = [
        Found(
            one.intent, calls()[one.intent].zh, calls()[one.intent].en, one.by, one.start, one.end,
            span=_shown(text[one.start : one.end]), routing=one.routing, script=one.script,
        )
        for one in many
    ]  # fmt: skip
    way = routing_of(many)
    if way is None:
        return Tried("in", len(text), "", [], _nothing(text, "it is answered as any other message"))
    does = {
        "answer": f"a reply is suggested, {way.script} first",
        "escalate": f"a person answers; {way.script} may be said until then",
        "refuse": f"only {way.script} is said",
    }
    return Tried("in", len(text), way.routing, found, f"{way.routing}: {does[way.routing]}.")


def read_out(text: str) -> Tried:
    """What a reply may not say."""
    from finmodel.assistant.guards.outbound import broken
    from finmodel.assistant.guards.outbound_rules import rules

    found = [
        Found(
            one.rule, rules()[one.rule].zh, rules()[one.rule].en, one.by, one.start, one.end,
            span=_shown(text[one.start : one.end]), severity=one.severity,
            rewrite=one.rewrite or "",
        )
        for one in broken(text)
    ]  # fmt: skip
    return Tried("out", len(text), "", found, _verdict(found, text))


def judged(tried: Tried, text: str, name: str) -> Tried:
    """The same, with what a model says of the sentences in which nothing was found."""
    from finmodel.assistant.guards.judge import Judge
    from finmodel.assistant.guards.outbound_rules import rules
    from finmodel.assistant.sentences import sentences
    from serving.operators import settings
    from serving.writers import open_writer

    found = list(tried.found)
    told = [(one.start, one.end) for one in found]
    with open_writer(settings(), name) as writer:
        judge = Judge(writer.engine, writer.adapter)
        for start, end in sentences(text):
            if any(begun < end and start < ended for begun, ended in told):
                continue
            if (broken := judge.rule_of(text[start:end].strip())) is not None:
                rule = rules()[broken]
                found.append(
                    Found(
                        broken, rule.zh, rule.en, "judge", start, end,
                        span=_shown(text[start:end]), severity=rule.severity, rewrite=rule.rewrite,
                    )
                )  # fmt: skip
    return replace(tried, found=found, said=_verdict(found, text))


def _verdict(found: list[Found], text: str) -> str:
    if not found:
        sentence = "it may go out; its figures were not judged, since no customer's facts are here"
        return _nothing(text, sentence)
    stopped = any(one.severity != "warn" for one in found)
    return "It may not go out as it stands." if stopped else "It may go out; look at it again."


def lines(tried: Tried) -> list[str]:
    """What a person reads."""
    said = []
    for one in tried.found:
        what = one.routing or one.severity
        said.append(f"{one.name} ({one.zh}, {one.en}): {what}, by {one.by}")
        said.append(f"    characters {one.start} to {one.end}: {one.span}")
        if one.severity:
            said.append(f"    say instead: {_shown(one.rewrite) or 'nothing safe; write it anew'}")
    return [*said, tried.said]


def _given(text: str) -> str:
    if text == "-":
        text = sys.stdin.buffer.read(4 * LONGEST + 1).decode("utf-8", "replace")
        text = text.removesuffix("\n").removesuffix("\r")
    if len(text) > LONGEST:
        what = f"more than {LONGEST:,} characters"
        raise BadInput(what, where="the text", remedy="give a part of it")
    return text.encode("utf-8", "replace").decode()


def _nothing(text: str, otherwise: str) -> str:
    legible = any(unicodedata.category(one)[0] in "LN" for one in text)
    return f"Nothing was found: {otherwise if legible else 'there are no words in it'}."


def _shown(text: str) -> str:
    """A stretch on one line, without what would steer a terminal."""
    plain = "".join(one if unicodedata.category(one)[0] != "C" else "�" for one in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"
