"""The training run: packs in, an adapter out, stopped and taken up again at any time.

A model with a fresh adapter, a plan of steps and a folder for checkpoints come in. Each step is a
function of what was before it alone, so a run that was killed ends with the losses of one that was
not, bit for bit, on the same machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fine_tune.lessons.pack import Pack
from fine_tune.lessons.steps import Plan, rate
from fine_tune.network.model import Batch, pack_divergence, pack_loss
from fine_tune.network.processes import first, shared_out, sum_gradients, summed
from fine_tune.planning.out_of_memory import step_told
from fine_tune.recipe import Optimiser, Recipe
from fine_tune.training.checkpoint import Checkpoint, Told, last_checkpoint, save_checkpoint
from fine_tune.training.preference import Preferring
from finmodel.errors import BadInput

_B = ".lora_B."


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did."""

    number: int
    """From 1 on."""
    loss: float
    """Mean over the learnt tokens, or over the pairs."""
    departed: float
    """Mean divergence from the base on a token of the text that was rehearsed; 0 of none."""
    norm: float
    """Of the gradient, before it was cut."""
    tokens: int
    learnt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A run that is over."""

    losses: tuple[float, ...]
    seconds: float
    """In steps, over all of its lives."""


Report = Callable[[Step], None]
Losses = Callable[[Any, Sequence[Pack], torch.device], Iterable[torch.Tensor]]
"""Each pack's part of a step's loss, one after the other, with its graph."""


def supervised(model: Any, packs: Sequence[Pack], device: torch.device) -> Iterator[torch.Tensor]:
    """The mean negative log-likelihood of a step's learnt tokens, by weight."""
    weight = sum(float(pack.column("learnt").sum()) for pack in packs)
    for pack, share in shared_out(packs):
        yield pack_loss(model, Batch.of(pack, device)) * (share / weight)


def losses_of(recipe: Recipe) -> Losses:
    """What a recipe learns by."""
    preference = recipe.preference
    if preference is None or preference.loss == "sft":
        return supervised
    return Preferring(preference.beta)


def train(
    model: Any, plan: Plan, recipe: Recipe, folder: Path, run: str, report: Report
) -> Trained:
    """Learn all steps of a plan, from the last checkpoint in `folder` on; `run` names the run."""
    device = next(model.parameters()).device
    optimiser = optimiser_of(model, recipe.optimiser)
    losses: list[float] = []
    seconds = 0.0
    last = last_checkpoint(folder, run)
    if last is not None:
        losses, seconds = list(last.told.losses), last.told.seconds
        _restore(model, optimiser, last)
    model.train()
    for number in range(len(losses), len(plan)):
        begun = time.perf_counter()
        tokens = sum(map(len, plan.packs(number)))
        with step_told(model, recipe, number + 1, tokens):
            step = _learn(model, optimiser, plan, recipe, number, device)
        seconds += time.perf_counter() - begun
        losses.append(step.loss)
        if (number + 1) % recipe.save_every == 0 or number + 1 == len(plan):
            told = Told(number + 1, run, tuple(losses), seconds)
            if first():
                save_checkpoint(folder, Checkpoint(told, _state(model, optimiser)))
        report(step)
    return Trained(tuple(losses), seconds)


def optimiser_of(model: Any, settings: Optimiser) -> torch.optim.AdamW:
    """AdamW over the adapter, B matrices in a group of their own (LoRA+)."""
    named = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    groups = [
        {"params": [one for name, one in named if (_B in name) == is_b], "ratio": ratio}
        for is_b, ratio in ((False, 1.0), (True, settings.b_ratio))
    ]
    return torch.optim.AdamW(
        groups,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.999),
        fused=True,
    )


def _learn(
    model: Any,
    optimiser: torch.optim.AdamW,
    plan: Plan,
    recipe: Recipe,
    number: int,
    device: torch.device,
) -> Step:
    begun = time.perf_counter()
    packs = plan.packs(number)
    total = 0.0
    optimiser.zero_grad(set_to_none=True)
    for loss in losses_of(recipe)(model, packs, device):
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    departed = _rehearse(model, plan.rehearsal(number), device)
    learning = [one for group in optimiser.param_groups for one in group["params"]]
    sum_gradients(learning)
    total, departed = summed(total), summed(departed)
    norm = float(torch.nn.utils.clip_grad_norm_(learning, recipe.optimiser.clip))
    _require_finite(total + departed, norm, number)
    speed = rate(recipe.optimiser, number, len(plan))
    for group in optimiser.param_groups:
        group["lr"] = speed * group["ratio"]
    optimiser.step()
    return Step(
        number=number + 1,
        loss=total,
        departed=departed,
        norm=norm,
        tokens=sum(map(len, packs)),
        learnt=sum(int((pack.column("learnt") > 0).sum()) for pack in packs),
        seconds=time.perf_counter() - begun,
    )


def _rehearse(model: Any, pack: Pack | None, device: torch.device) -> float:
    """Add to the gradient what holds the model to its base's words on general text."""
    if pack is None:
        return 0.0
    total = 0.0
    for mine, share in shared_out([pack]):
        batch = Batch.of(mine, device)
        apart = pack_divergence(model, batch) * (share / len(batch.before))
        apart.backward()  # type: ignore[no-untyped-call]
        total += float(apart.detach())
    return total


def _require_finite(loss: float, norm: float, number: int) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise BadInput(
            f"the loss is {loss}, the gradient's norm {norm}: the run has left the numbers",
            where=f"step {number + 1}",
            remedy="lower optimiser.learning_rate or take another dtype, which begins a run of its "
            "own; this one's last checkpoint stays",
        )


def _state(model: Any, optimiser: torch.optim.AdamW) -> dict[str, torch.Tensor]:
    found = {}
    for name, one in model.named_parameters():
        if one.requires_grad:
            found[f"weight/{name}"] = one.detach().cpu().contiguous()
            for key, value in optimiser.state[one].items():
                found[f"{key}/{name}"] = value.detach().cpu().contiguous()
    return found


def _restore(model: Any, optimiser: torch.optim.AdamW, last: Checkpoint) -> None:
    with torch.no_grad():
        for name, one in model.named_parameters():
            if one.requires_grad:
                one.copy_(last.tensors[f"weight/{name}"])
                optimiser.state[one] = {
                    key: last.tensors[f"{key}/{name}"].clone().to(one.device)
                    for key in ("step", "exp_avg", "exp_avg_sq")
                }
