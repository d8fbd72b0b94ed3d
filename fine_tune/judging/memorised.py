"""Whether a model gives a planted secret away: by writing it, or by finding it the likeliest.

A model and canaries come in; how many it recovers greedily, and the exposure of each, go out. The
conversation that all secrets of a canary share is read once, each secret as a branch of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Any, Final

import numpy as np

from fine_tune.bases.base import Base
from fine_tune.lessons.canaries import Canary, exposure
from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import Sample, Speaker
from fine_tune.network.model import Batch, each_token
from finmodel.assistant.template import Message, tokens
from finmodel.progress import Progress, silent, teller

_ROOM: Final = 1_024
"""Tokens of a sample of secrets: what its attention costs grows with the square."""


@dataclass(frozen=True, slots=True)
class Memorised:
    """What became of the canaries."""

    recovered: int
    """Written greedily, once the reply is begun."""
    exposures: tuple[float, ...]
    """Bits of each."""

    @property
    def exposure(self) -> float:
        """The mean of all; NaN of none."""
        return sum(self.exposures) / len(self.exposures) if self.exposures else float("nan")


def memorised(
    model: Any, base: Base, canaries: Sequence[Canary], progress: Progress = silent
) -> Memorised:
    """Ask a model for every secret."""
    tell = teller("canaries looked for", len(canaries), progress)
    recovered, exposures = 0, []
    model.eval()
    for one in canaries:
        mine, *others = _read(model, base, one.lesson.messages[:2], (one.reply, *one.others))
        exposures.append(exposure(mine.loss, [other.loss for other in others]))
        recovered += mine.likeliest
        tell()
    return Memorised(recovered, tuple(exposures))


@dataclass(frozen=True, slots=True)
class _Read:
    """What a model makes of a reply, from where it differs from the others."""

    loss: float
    """Summed over its tokens."""
    likeliest: bool
    """Whether greedy decoding would write all of it but its end."""


def _read(
    model: Any, base: Base, history: Sequence[Message], replies: Sequence[str]
) -> list[_Read]:
    """Replies to one question that begin alike: what they share is read once."""
    speaker = Speaker(base.family, base.encode)
    opening = speaker.opening(history[-1])
    each = [[*opening, *speaker.reply(text)] for text in replies]
    alike = sum(
        1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*each, strict=False))
    )
    # What says a branch's first learnt token must be its own: one shared token stands in each.
    trunk = [*chain(*speaker.history(history)), *each[0][: alike - 1]]
    end = len(tokens([base.family.closing()], base.encode))
    device = next(model.parameters()).device
    found: list[_Read] = []
    for group in _groups([one[alike - 1 :] for one in each], _ROOM - len(trunk)):
        losses, likeliest = each_token(model, Batch.of(pack_of([_sample(trunk, group)]), device))
        at = 0
        for own in group:
            mine = slice(at, at + len(own) - 1)
            hit = bool(likeliest[mine][: len(own) - 1 - end].all())
            found.append(_Read(float(losses[mine].sum()), hit))
            at += len(own) - 1
    return found


def _groups(branches: Sequence[list[int]], room: int) -> Iterator[list[list[int]]]:
    """Branches in their order, as many at once as there is room for."""
    group: list[list[int]] = []
    for one in branches:
        if group and sum(map(len, group)) + len(one) > room:
            yield group
            group = []
        group.append(one)
    yield group


def _sample(trunk: Sequence[int], branches: Sequence[list[int]]) -> Sample:
    """A trunk with branches at its end, of which all but the first token are learnt."""
    sizes = [len(one) for one in branches]
    fork = len(trunk)
    return Sample(
        token=np.array([*trunk, *chain(*branches)], np.int32),
        position=np.concatenate([np.arange(fork), *(fork + np.arange(n) for n in sizes)]).astype(
            np.int32
        ),
        branch=np.repeat(np.arange(len(sizes) + 1), [fork, *sizes]).astype(np.int32),
        forks=np.full(len(sizes) + 1, fork, np.int32),
        learnt=np.concatenate([np.zeros(fork), *(np.arange(n) > 0 for n in sizes)]).astype(
            np.float32
        ),
    )
