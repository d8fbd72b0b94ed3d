"""How few layers have to be computed again for a step to fit this machine, found by trying.

A model and its longest pack come in; the number of layers goes out, with what was measured. A step
of one layer and one of three tell what a layer costs, whole or computed again: a trial takes a
tenth of a step, and is written down, so that a run that goes on need not wait for it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import msgspec

from fine_tune.lessons.steps import Plan
from fine_tune.network.layers import decoder, recompute
from fine_tune.network.machine import Peak, free_memory, taken_memory
from fine_tune.network.model import Batch, pack_loss
from fine_tune.network.processes import first, most
from fine_tune.planning.alive import Alive
from fine_tune.planning.out_of_memory import BY_PLAN, memory_told, what_fits
from fine_tune.recipe import Recipe
from finmodel.durable import replace_file
from finmodel.errors import NoRoom

SHARE: Final = 0.9
"""The part of the free memory that a run may plan with."""
_FEW: Final = 3
_KEPT: Final = "layers.json"


class Fit(msgspec.Struct, frozen=True):
    """How many layers are computed again, and why. Bytes; 0 where nothing was measured."""

    checkpointed_layers: int
    layers: int
    room: int = 0
    """What a step may take beside the model."""
    fixed: int = 0
    """What it takes whatever the layers do."""
    whole: int = 0
    """What a layer takes that is left whole."""
    entry: int = 0
    """What a layer takes that is computed again."""

    @property
    def step(self) -> int:
        """What a step takes beside the model."""
        return need(self, self.checkpointed_layers)


def need(fit: Fit, again: int) -> int:
    """Bytes of a step in which `again` layers are computed again."""
    return fit.fixed + again * fit.entry + (fit.layers - again) * fit.whole


def fewest(fit: Fit) -> int | None:
    """The fewest layers to compute again so that a step fits; None where even all are too few.

    >>> measured = Fit(0, layers=10, room=70, fixed=20, whole=11, entry=1)
    >>> fewest(measured), need(measured, 6), need(measured, 5)
    (6, 70, 80)
    """
    over = need(fit, 0) - fit.room
    if over <= 0:
        return 0
    spared = fit.whole - fit.entry
    again = math.ceil(over / spared) if spared > 0 else fit.layers + 1
    return again if again <= fit.layers else None


def fit_layers(model: Any, plan: Plan, recipe: Recipe, folder: Path) -> Fit:
    """Set how many layers of a model are computed again: as its recipe says, or by a trial.

    NoRoom where a step does not fit, whatever is computed again.
    """
    layers = len(decoder(model).layers)
    if recipe.checkpointed_layers is not None:
        return Fit(recompute(model, recipe.checkpointed_layers), layers)
    kept = folder / _KEPT
    if kept.is_file():
        found = msgspec.json.decode(kept.read_bytes(), type=Fit)
    else:
        with memory_told(
            "the trial of a step",
            "checkpointed_layers",
            lambda: f"{BY_PLAN}: {what_fits(model, recipe, again=0)}",
        ):
            found = _tried(model, plan, recipe)
        if first():
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(kept, msgspec.json.encode(found))
    recompute(model, found.checkpointed_layers)
    return found


def _tried(model: Any, plan: Plan, recipe: Recipe) -> Fit:
    rows = (row for step in plan.steps for row in step)
    longest = max(rows, key=lambda row: sum(len(plan.samples[place]) for place in row))
    device = next(model.parameters()).device
    step = next(n for n, packs in enumerate(plan.steps) if longest in packs)
    batch = Batch.of(plan.packs(step)[plan.steps[step].index(longest)], device)
    room = int(SHARE * free_memory(device))
    measured = measure(model, batch, room)
    again = fewest(measured)
    # All processes put the layers together in the same order: all must compute the same ones again.
    again = None if again is None else int(most(again))
    if again is None:
        least = need(measured, measured.layers)
        raise NoRoom(
            f"a step of {batch.token.shape[1]:,} tokens takes {least / 2**30:.1f} GiB beside the "
            f"model, with every layer computed again; {room / 2**30:.1f} are free",
            where="memory",
            remedy=f"{BY_PLAN}: {what_fits(model, recipe, again=measured.layers)}",
        )
    return msgspec.structs.replace(measured, checkpointed_layers=again)


def measure(model: Any, batch: Batch, room: int) -> Fit:
    """What a step of a batch costs, from steps of one layer and of three."""
    layers = len(decoder(model).layers)
    few = min(_FEW, layers)
    model.train()
    before = taken_memory(batch.token.device)
    with Peak(batch.token.device) as peak:
        whole = _cost(model, batch, few, 0)
    # What the allocator and the libraries take beside the tensors.
    beside = max(peak.bytes - before - whole, 0)
    single = _cost(model, batch, 1, 0)
    one, many = _cost(model, batch, 1, 1), _cost(model, batch, few, few)
    steps = max(few - 1, 1)
    entry = max((many - one) // steps, 0)
    learnt = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    return Fit(
        checkpointed_layers=0,
        layers=layers,
        room=room,
        # Gradients are in the layers' share; Adam keeps two numbers for each.
        fixed=max(one, single) - entry + beside + 2 * learnt,
        whole=max((whole - single) // steps, entry),
        entry=entry,
    )


def _cost(model: Any, batch: Batch, layers: int, again: int) -> int:
    """Bytes that a step through the first few layers takes at most, beside the model."""
    config = decoder(model).config
    all_layers = config.num_hidden_layers
    recompute(model, again)
    config.num_hidden_layers = layers
    try:
        return _taken(model, batch)
    finally:
        config.num_hidden_layers = all_layers
        for one in model.parameters():
            one.grad = None


def _taken(model: Any, batch: Batch) -> int:
    device = batch.token.device
    if device.type == "cuda":  # the allocator itself counts there
        before = taken_memory(device)
        with Peak(device) as peak:
            pack_loss(model, batch).backward()  # type: ignore[no-untyped-call]
        return max(peak.bytes - before, 0)
    alive = Alive()
    for one in (*model.parameters(), *model.buffers()):
        alive.know(one)
    with alive:
        pack_loss(model, batch).backward()  # type: ignore[no-untyped-call]
    return alive.peak[""]
