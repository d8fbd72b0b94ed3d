"""What a model makes of replies that it never saw: its loss, and what it would have written.

A model and held-out lessons come in; perplexity over the replies' tokens and the distance of greedy
replies to the approved ones go out. Lessons whose script stands in no training conversation are
reported apart, so that memory is not taken for skill.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import torch

from fine_tune.bases.base import Base
from fine_tune.judging.suites import Written, compare
from fine_tune.lessons.pack import best_fit, pack_of
from fine_tune.lessons.samples import Lesson, Sample, samples_of
from fine_tune.network.model import Batch, pack_loss
from finmodel.assistant.engines.batch import write_many
from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.template import Message
from finmodel.progress import Progress, silent, teller


def mean_loss(model: Any, samples: Sequence[Sample], length: int) -> float:
    """Mean negative log-likelihood of the learnt tokens, by weight; NaN where there are none."""
    device = next(model.parameters()).device
    total = weight = 0.0
    model.eval()
    with torch.no_grad():
        for row in best_fit([len(one) for one in samples], length):
            batch = Batch.of(pack_of([samples[place] for place in row]), device)
            total += float(pack_loss(model, batch))
            weight += float(batch.weight.sum())
    return total / weight if weight else math.nan


def lesson_samples(
    lessons: Iterable[Lesson], base: Base, length: int, *, shared: bool = True
) -> list[Sample]:
    """The samples of lessons, as `samples_of` makes them."""
    return [
        one
        for lesson in lessons
        for one in samples_of(lesson, base.family, base.encode, length, shared=shared)
    ]


def write_replies(
    model: Any,
    base: Base,
    lessons: Sequence[Lesson],
    progress: Progress = silent,
    what: str = "replies written",
) -> list[Written]:
    """The greedy reply to the last question of each lesson, beside the approved one."""
    tell = teller(what, len(lessons), progress)
    asked = [msgspec.structs.replace(one, replies=one.replies[-1:]) for one in lessons]
    histories = [one.messages[: one.replies[0].after] for one in asked]
    found: dict[int, Written] = {}
    model.eval()
    for place, text in greedy(model, base, histories):
        found[place] = compare(asked[place], text)
        tell()
    return [found[place] for place in range(len(asked))]


def greedy(
    model: Any, base: Base, histories: Sequence[Sequence[Message]]
) -> Iterator[tuple[int, str]]:
    """The place of each history and what the model writes after it, the likeliest token each time,
    as it ends.
    """
    asked = [Asked(tuple(history)) for history in histories]
    end = base.family.closing().text.removesuffix(base.family.stop)  # Llama-2 writes a blank
    for place, tokens in write_many(model, base.spoken, asked):
        yield place, base.encode.decode(tokens).removesuffix(end)
