"""What a run costs while it runs: tokens a second, utilisation, memory, time left, money.

Steps that were done come in, figures go out, for the screen and for MLflow. How long a run has
lived is written down at each step, so that what a kill threw away counts as time that was lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import torch

from fine_tune.bases.shape import Flops, Shape, flops_a_token
from fine_tune.lessons.steps import Plan
from fine_tune.network.layers import decoder
from fine_tune.network.machine import product_rate, taken_memory
from fine_tune.network.processes import count
from fine_tune.recipe import Recipe
from fine_tune.training.train import Step
from finmodel.durable import replace_file
from finmodel.run_hours import CORE, GPU

_LIVED: Final = "lived.json"
_GIB: Final = 2.0**30


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run takes place, and what an hour of it costs."""

    device: torch.device
    rate: float
    """Floating-point operations a second in a large product, measured."""
    units: int
    """Cores, or GPUs."""
    price_per_hour: float


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to be done."""

    steps: int
    flops: Flops
    again: float
    """The part of the layers that is computed again."""


class Effort:
    """Keeps account of a run over all of its lives."""

    def __init__(self, work: Work, machine: Machine, folder: Path, begun: float) -> None:
        self._work, self._machine, self._begun = work, machine, begun
        self._file = folder / _LIVED
        self._before = _lived(self._file)
        self._pace = 0.0
        self._keep()

    @property
    def steps(self) -> int:
        """How many there are."""
        return self._work.steps

    @property
    def lived(self) -> float:
        """Seconds over all lives, loading and lost steps among them."""
        return self._before + time.perf_counter() - self._begun

    def after(self, step: Step) -> dict[str, float]:
        """Figures of a step that was done."""
        self._keep()
        speed = step.tokens / step.seconds
        # A step in five or so decides: packs are not all equally long.
        self._pace = step.seconds if not self._pace else 0.8 * self._pace + 0.2 * step.seconds
        useful = self._work.flops.done(0.0) * speed / self._machine.rate
        return {
            "tokens_per_s": speed,
            "utilisation": useful,
            "hardware_utilisation": useful
            * self._work.flops.done(self._work.again)
            / self._work.flops.done(0.0),
            "memory_gib": taken_memory(self._machine.device) / _GIB,
            "seconds_left": (self._work.steps - step.number) * self._pace,
        }

    def _keep(self) -> None:
        """From the first moment on: what was lived before a first step is lost time too."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._file, msgspec.json.encode(self.lived), sync=False)

    def figures(self, seconds: float) -> dict[str, float]:
        """Figures of a run whose steps took so many seconds."""
        return {"effective_share": min(seconds / self.lived, 1.0)} | self.spent()

    def spent(self) -> dict[str, float]:
        """Hours and cost until now, over all lives; the cost is 0 where the recipe says no price.

        Cores count by the clock: a run holds them, whether they are at work or wait.
        """
        hours = self.lived / 3600
        unit = GPU if self._machine.device.type == "cuda" else CORE
        return {
            unit: hours * self._machine.units,
            "cost": hours * self._machine.price_per_hour,
        }


def _lived(file: Path) -> float:
    """Seconds of earlier lives; a note that a power cut tore counts as none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=float)
    except (FileNotFoundError, msgspec.DecodeError):
        return 0.0


def effort_of(
    model: torch.nn.Module, plan: Plan, recipe: Recipe, folder: Path, begun: float
) -> Effort:
    """The account of a run that began at `begun` (time.perf_counter)."""
    stack = decoder(model)
    one = next(model.parameters())
    cuda = one.device.type == "cuda"
    lengths = [len(sample) for sample in plan.samples]
    learnt = sum(int((sample.learnt > 0).sum()) for sample in plan.samples)
    shape = Shape.of(stack.config.to_dict())
    flops = flops_a_token(shape, recipe.adapter, lengths, learnt)
    if plan.rehearsed:
        text = len(plan.rehearsed[0])
        beside = flops_a_token(shape, recipe.adapter, [text], text - 1)
        flops = flops.with_rehearsal(beside, text * len(plan) / plan.tokens)
    again = sum(layer.gradient_checkpointing for layer in stack.layers) / len(stack.layers)
    dtype = next(p.dtype for p in stack.parameters() if p.is_floating_point())
    machine = Machine(
        device=one.device,
        rate=product_rate(dtype, one.device) * count(),
        units=count() * (1 if cuda else torch.get_num_threads()),
        price_per_hour=recipe.price_per_hour,
    )
    return Effort(Work(len(plan), flops, again), machine, folder, begun)


def in_words(figures: dict[str, float]) -> str:
    """A step's figures in one line.

    >>> in_words({"tokens_per_s": 812.3, "utilisation": 0.61, "memory_gib": 7.9,
    ...           "seconds_left": 5000.0})
    '812 tokens/s · 61% of peak · 7.9 GiB · 1:23:20 left'
    """
    left = round(figures["seconds_left"])
    clock = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
    return (
        f"{figures['tokens_per_s']:.0f} tokens/s · {figures['utilisation']:.0%} of peak · "
        f"{figures['memory_gib']:.1f} GiB · {clock} left"
    )
