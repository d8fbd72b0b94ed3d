"""Whether a model gives a planted secret away: by writing it, or by finding it the likeliest.

A model and canaries come in; how many it recovers greedily, and the exposure of each, go out. The
conversation that all secrets of a canary share is read once, each secret as a branch of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

import msgspec
import torch

from fine_tune.base import Base
from fine_tune.canaries import Canary, exposure
from fine_tune.model import Batch, each_token
from fine_tune.pack import pack_of
from fine_tune.samples import TRUNK, Lesson, Reply, samples_of
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
        mine, *others = _read(model, base, one.lesson, (one.reply, *one.others))
        exposures.append(exposure(mine.loss, [other.loss for other in others]))
        recovered += all(mine.likeliest[_begin(base, one) : -1])
        tell()
    return Memorised(recovered, tuple(exposures))


def _begin(base: Base, canary: Canary) -> int:
    """How many tokens of the reply stand before its secret's first."""
    pairs = zip(base.encode(canary.begun, False), base.encode(canary.reply, False), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@dataclass(frozen=True, slots=True)
class _Reply:
    loss: float
    """Summed over its tokens."""
    likeliest: tuple[bool, ...]
    """Of each token, the one that ends it included: whether greedy decoding would write it."""


def _read(model: Any, base: Base, lesson: Lesson, replies: Sequence[str]) -> list[_Reply]:
    """What a model makes of each reply after the same question."""
    asked = msgspec.structs.replace(
        lesson, messages=lesson.messages[:2], replies=tuple(Reply(2, text) for text in replies)
    )
    device = next(model.parameters()).device
    found: list[_Reply] = []
    for sample in samples_of(asked, base.family, base.encode, _ROOM):
        losses, likeliest = each_token(model, Batch.of(pack_of([sample]), device))
        branch = torch.from_numpy(sample.branch[sample.learnt > 0]).to(device)
        # The last reply of a sample stands at its trunk's end; the others leave it, in order.
        for number in (*range(1, len(sample.forks)), TRUNK):
            mine = branch == number
            found.append(_Reply(float(losses[mine].sum()), tuple(likeliest[mine].tolist())))
    return found
