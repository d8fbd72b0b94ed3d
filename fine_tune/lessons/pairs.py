"""Pairs of replies as tokens: one history, and from it a branch for what was sent and what was not.

Lessons whose replies are preferred to suggestions come in; samples go out. Branch 2k + 1 is a reply
of the k-th pair, 2k + 2 the suggestion. Where both begin alike they say nothing of which is better:
what a model makes of those tokens cancels, so that they are not learnt. Knows no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fine_tune.lessons.samples import TRUNK, Lesson, Sample, Speaker, grouped


def pairs_in(sample: Sample) -> int:
    """How many pairs a sample has."""
    return (len(sample.forks) - 1) // 2


def pair_samples(lessons: Iterable[Lesson], speaker: Speaker, length: int) -> list[Sample]:
    """The pairs of lessons, those of one together as far as they fit into `length` tokens.

    BadInput where a pair with its instruction and last message is longer.
    """
    found = []
    for lesson in lessons:
        history = speaker.history(lesson.messages)
        for group in grouped(_pairs(lesson, speaker), partial(_fits, history, length)):
            found.append(_sample(lesson, speaker, history, group, length))
    return found


@dataclass(frozen=True, slots=True)
class _Pair:
    after: int
    """Both follow so many messages."""
    chosen: list[int]
    rejected: list[int]
    """Each with what opens a reply."""
    alike: int
    """So many of their tokens are the same at the beginning."""

    def __len__(self) -> int:
        return len(self.chosen) + len(self.rejected)


def _pairs(lesson: Lesson, speaker: Speaker) -> Iterable[_Pair]:
    for reply in lesson.replies:
        opening = speaker.opening(lesson.messages[reply.after - 1])
        chosen = [*opening, *speaker.reply(reply.text)]
        for suggestion in reply.instead:
            rejected = [*opening, *speaker.reply(suggestion)]
            same = (one == other for one, other in zip(chosen, rejected, strict=False))
            alike = next((place for place, one in enumerate(same) if not one), len(opening))
            if chosen != rejected:
                yield _Pair(reply.after, chosen, rejected, alike)


def _fits(history: Sequence[list[int]], length: int, group: Sequence[_Pair]) -> bool:
    return sum(map(len, history[: group[-1].after])) + sum(map(len, group)) <= length


def _sample(
    lesson: Lesson,
    speaker: Speaker,
    history: Sequence[list[int]],
    group: Sequence[_Pair],
    length: int,
) -> Sample:
    last = group[-1]
    trunk = list(history[: last.after])
    if len(group) == 1 and not _fits(history, length, group):
        trunk = speaker.within(lesson.messages[: last.after], length - len(last), lesson.id)
    begins = np.cumsum([0, *map(len, trunk)])
    # What both of the last pair begin with stands once, at the trunk's end; but for one token,
    # since what says a branch's first learnt token must be its own.
    stem = last.alike - 1
    token = [one for message in trunk for one in message] + last.chosen[:stem]
    whole = len(token)
    position, branch = list(range(whole)), [TRUNK] * whole
    learnt, forks = [0.0] * whole, [whole]
    for pair in group:
        fork, given = (whole, stem) if pair is last else (int(begins[pair.after]), 0)
        for words in (pair.chosen, pair.rejected):
            own = words[given:]
            token += own
            position += range(fork, fork + len(own))
            branch += [len(forks)] * len(own)
            learnt += [float(place >= pair.alike) for place in range(given, len(words))]
            forks.append(fork)
    return Sample(
        token=np.array(token, np.int32),
        position=np.array(position, np.int32),
        branch=np.array(branch, np.int32),
        forks=np.array(forks, np.int32),
        learnt=np.array(learnt, np.float32),
        id=lesson.id,
    )
