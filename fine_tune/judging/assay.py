"""What a run is judged by: figures of the base, and of the base with what was learnt.

Held-out lessons and general text come in; perplexities and what greedy replies are worth go out, by
the names that gates and MLflow know. Whether they suffice is the gates' business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fine_tune.bases.base import Base
from fine_tune.judging.evaluate import lesson_samples, mean_loss, write_replies
from fine_tune.judging.suites import Judge, Setting, asked_of, settings_of
from fine_tune.lessons.prepare import Prepared
from fine_tune.lessons.samples import Lesson, Sample
from fine_tune.lessons.texts import text_samples
from finmodel.assistant.scripts import load_scripts
from finmodel.conversations import Conversation
from finmodel.progress import Progress, teller

WRITTEN: Final = 24
"""So many held-out replies are written greedily; each takes seconds."""
READ: Final = 128
"""So many held-out conversations are read; each takes a second on two cores."""


_SUITES: Final = {
    "edit_distance": "script.distance",
    "edit_distance_nearest": "script.nearest",
    "edit_distance_unseen": "script.distance_unseen",
    "grounded": "numbers.grounded",
    "violations": "guards.violations",
    "intent": "intent.right",
}
"""Figures of a run, as the suites call them."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a run is judged by, as its model reads it."""

    tests: tuple[Sample, ...]
    unseen: tuple[Sample, ...]
    """The same, of which those replies alone count whose script stands in no training."""
    general: tuple[Sample, ...]
    replies: int
    asked: tuple[Lesson, ...]
    """Replies that are written greedily."""
    settings: Mapping[str, Setting]
    """What is true of their conversations."""
    scripts: frozenset[str]
    """Those that stand in no training conversation."""


def held_out_of(
    base: Base,
    length: int,
    prepared: Prepared,
    general: Sequence[str],
    unseen: frozenset[str],
    conversations: Sequence[Conversation],
) -> HeldOut:
    """Encode what is held out; BadInput as `samples_of` says."""
    tests = prepared.lessons["test"][:READ]
    alone = [only(unseen, one) for one in tests]
    asked = asked_of(tests, WRITTEN)
    ids = {one.id for one in asked}
    return HeldOut(
        tests=tuple(lesson_samples(tests, base, length)),
        unseen=tuple(lesson_samples([one for one in alone if one.replies], base, length)),
        general=tuple(text_samples(general, base.encode, length)),
        replies=sum(len(one.replies) for one in tests),
        asked=tuple(asked),
        settings=settings_of(one for one in conversations if one.id in ids),
        scripts=unseen,
    )


class Assay:
    """Figures of a model on what is held out, before and after."""

    def __init__(self, base: Base, length: int, held_out: HeldOut) -> None:
        self.base, self.length, self.held_out = base, length, held_out
        self.suites = Judge(load_scripts(), held_out.scripts, held_out.settings)
        self.written: dict[str, Any] = {}

    def both(self, model: Any, progress: Progress) -> dict[str, float]:
        """Of the base, and of what was tuned."""
        with model.disable_adapter():
            before = self.figures(model, "base", progress)
        return (
            before
            | self.figures(model, "tuned", progress)
            | {"heldout_replies": float(self.held_out.replies)}
        )

    def figures(self, model: Any, who: str, progress: Progress) -> dict[str, float]:
        """Perplexities, loss on general text, and what greedy replies are worth."""
        replies = write_replies(
            model, self.base, self.held_out.asked, progress, f"{who}: replies written"
        )
        self.written[who] = [msgspec.to_builtins(one) for one in replies]
        found = self.suites.figures(self.held_out.asked, replies)
        told = {name: found[suite].value for name, suite in _SUITES.items()}
        tell = teller(f"{who}: texts read", 3, progress)

        def loss(samples: Sequence[Sample]) -> float:
            value = mean_loss(model, samples, self.length)
            tell()
            return value

        return {
            f"{who}_perplexity": math.exp(loss(self.held_out.tests)),
            f"{who}_perplexity_unseen": math.exp(loss(self.held_out.unseen)),
            f"{who}_general_loss": loss(self.held_out.general),
        } | {f"{who}_{name}": math.nan if one is None else one for name, one in told.items()}


def only(scripts: frozenset[str], lesson: Lesson) -> Lesson:
    """The same conversation, of whose replies those alone count that are of these scripts."""
    return msgspec.structs.replace(
        lesson, replies=tuple(reply for reply in lesson.replies if reply.script in scripts)
    )
