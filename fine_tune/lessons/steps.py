"""Which packs a run learns in which order, and how fast: known before it begins.

Samples and a recipe come in; the packs of every step go out, the same ones for a seed whenever
they are asked for, so that a run that was killed goes on as if it had not been. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fine_tune.lessons.pack import Pack, best_fit, pack_of, padding_share
from fine_tune.lessons.samples import Sample
from fine_tune.recipe import Optimiser, Recipe

_WINDOW = 512
"""So many shuffled samples are packed together: chance keeps its part, rows are full."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A run's steps."""

    samples: tuple[Sample, ...]
    steps: tuple[tuple[tuple[int, ...], ...], ...]
    """Of each step its packs, of each pack its samples' places."""
    padding: float
    """The part of all rows that holds no token."""
    rehearsed: tuple[Sample, ...] = ()
    """General text, a row for each step in turn; none: nothing is rehearsed."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def tokens(self) -> int:
        """Of all steps, without what is rehearsed."""
        return sum(len(self.samples[place]) for step in self.steps for row in step for place in row)

    def packs(self, step: int) -> list[Pack]:
        """The packs of a step."""
        return [pack_of([self.samples[place] for place in row]) for row in self.steps[step]]

    def rehearsal(self, step: int) -> Pack | None:
        """The general text of a step."""
        if not self.rehearsed:
            return None
        return pack_of([self.rehearsed[step % len(self.rehearsed)]])


def plan_of(samples: Sequence[Sample], recipe: Recipe, rehearsed: Sequence[Sample] = ()) -> Plan:
    """The steps of a recipe over its samples, shuffled anew for each epoch."""
    rng = np.random.default_rng(recipe.seed)
    order: list[int] = []
    wanted = math.ceil(recipe.epochs * len(samples))
    while len(order) < wanted:
        order += rng.permutation(len(samples)).tolist()
    rows: list[tuple[int, ...]] = []
    for begin in range(0, wanted, _WINDOW):
        mine = order[begin : min(begin + _WINDOW, wanted)]
        packed = best_fit([len(samples[place]) for place in mine], recipe.length)
        rows += [tuple(mine[k] for k in packed[row]) for row in rng.permutation(len(packed))]
    taken = [len(samples[place]) for row in rows for place in row]
    steps = [tuple(rows[at : at + recipe.packs]) for at in range(0, len(rows), recipe.packs)]
    padding = padding_share(taken, rows, recipe.length)
    return Plan(tuple(samples), tuple(steps), padding, tuple(rehearsed))


def rate(optimiser: Optimiser, step: int, steps: int) -> float:
    """The learning rate of a step from 0 on: up as a line, then down as a cosine.

    >>> [round(rate(Optimiser(learning_rate=0.1, warmup=0.2), s, 10), 3) for s in (0, 1, 2, 9)]
    [0.05, 0.1, 0.1, 0.004]
    """
    warm = math.ceil(optimiser.warmup * steps)
    if step < warm:
        return optimiser.learning_rate * (step + 1) / warm
    through = (step - warm) / max(steps - warm, 1)
    return optimiser.learning_rate * 0.5 * (1.0 + math.cos(math.pi * through))
