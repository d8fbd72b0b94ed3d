"""One table over bases, adapters and servers: the same held-out replies, asked of each.

An engine, or a model, and held-out lessons come in; a column of figures goes out, with what was
written. How a target is found and opened is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from fine_tune.bases.base import Base
from fine_tune.judging.evaluate import lesson_samples, mean_loss
from fine_tune.judging.suites import Figure, Judge, Written, broken_by_rule, compare
from fine_tune.lessons.samples import Lesson
from fine_tune.lessons.texts import text_samples
from finmodel.assistant.engines.engine import Asked, Engine, write
from finmodel.assistant.suggesting.context import recent
from finmodel.errors import BadInput
from finmodel.progress import Progress, silent, teller

LENGTH: Final = 1_024
"""Tokens of a conversation whose likelihood is taken: its instruction and its latest messages."""
SUITES: Final = {
    "intent.right": "意图 intent: its reply is nearest to a script of the right one",
    "script.distance": "话术 script: edits to the approved one that was sent",
    "script.nearest": "话术 script: edits to the nearest approved one that answers the same",
    "script.exact": "话术 script: word for word",
    "script.distance_unseen": "话术 script, in no training: edits",
    "script.exact_unseen": "话术 script, in no training: word for word",
    "script.perplexity": "话术 script: perplexity",
    "script.perplexity_unseen": "话术 script, in no training: perplexity",
    "numbers.grounded": "数字 numbers: every figure a slot with a value, or a fact",
    "guards.violations": "护栏 guards: rules broken per reply",
    "general.loss": "通用 general text: loss",
}
"""Every figure, in the order of the table, and what it says."""


class Column(msgspec.Struct, frozen=True):
    """What one target is worth."""

    target: str
    kind: str
    """base, adapter or endpoint."""
    engine: str
    """Who wrote the replies."""
    base: str = ""
    """Digest of its base; empty where it is not known."""
    champion: bool = False
    figures: dict[str, Figure] = {}
    broken: dict[str, int] = {}
    """How many replies break each rule."""


class Table(msgspec.Struct, frozen=True):
    """All targets side by side."""

    replies: int
    """Held-out replies that each was asked for."""
    columns: tuple[Column, ...]
    run: str = ""
    """The MLflow run that keeps it."""


def ask(
    engine: Engine,
    adapter: str,
    lessons: Sequence[Lesson],
    progress: Progress = silent,
    what: str = "replies written",
) -> list[Written]:
    """The greedy reply of an engine to each lesson, beside the approved one."""
    tell = teller(what, len(lessons), progress)
    found = []
    for lesson in lessons:
        history = recent(lesson.messages[: lesson.replies[0].after])
        found.append(compare(lesson, write(engine, Asked(history, adapter=adapter))))
        tell()
    return found


def likelihoods(
    model: Any,
    base: Base,
    lessons: Sequence[Lesson],
    judge: Judge,
    general: Sequence[str],
    progress: Progress = silent,
) -> dict[str, Figure]:
    """What only a model's own likelihoods can say: perplexities, and loss on general text."""
    unseen = [one for one in lessons if one.replies[0].script in judge.unseen]
    texts = text_samples(general, base.encode, LENGTH)
    parts = (
        ("script.perplexity", lesson_samples(lessons, base, LENGTH), len(lessons), math.exp),
        ("script.perplexity_unseen", lesson_samples(unseen, base, LENGTH), len(unseen), math.exp),
        ("general.loss", texts, len(texts), float),
    )
    tell = teller("likelihoods taken", len(parts), progress)
    found = {}
    for name, samples, count, shown in parts:
        loss = mean_loss(model, samples, LENGTH)
        found[name] = Figure(None if math.isnan(loss) else shown(loss), count)
        tell()
    return found


def require_readable(lessons: Sequence[Lesson], base: Base) -> None:
    """BadInput where a reply's likelihood could not be taken: asked before any is written."""
    try:
        lesson_samples(lessons, base, LENGTH)
    except BadInput as error:
        raise BadInput(
            f"its instruction, last message and reply are longer than {LENGTH:,} tokens",
            where=error.where,
            remedy="leave the conversation out of the file",
        ) from error


def filled(
    column: Column,
    lessons: Sequence[Lesson],
    written: Sequence[Written],
    judge: Judge,
    more: Mapping[str, Figure],
) -> Column:
    """A column with the figures of its replies and `more`; None of 0 where there is none."""
    told = judge.figures(lessons, written) | dict(more)
    return msgspec.structs.replace(
        column,
        figures={name: told.get(name, Figure(None, 0)) for name in SUITES},
        broken=broken_by_rule(lessons, written),
    )
