"""What a run needs, told before it begins and without its card: memory, time, and what would fit.

A base's configuration, a recipe and a device come in; a plan goes out. No weight is read: the step
is gone through by fake tensors (`plan_trace`), memory and time follow from that and from the
device's figures (`plan_memory`, `plan_shape`, `plan_devices`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import torch

from fine_tune.bases.shape import KNOWN, Flops, Shape, flops_a_token
from fine_tune.network.machine import fastest_dtype, free_memory, product_rate, taken_memory
from fine_tune.network.model import pack_divergence, pack_loss
from fine_tune.planning.advice import Setting
from fine_tune.planning.devices import CPU, Device, card
from fine_tune.planning.four_bits import (
    A_WEIGHT,
    kept_ends,
    kept_in_four_bits,
    unpacked_beside,
)
from fine_tune.planning.memory import Held, Parts, Traces, fewest_again, parts
from fine_tune.planning.trace import Row, shell, traces
from fine_tune.recipe import Adapter, Recipe
from finmodel.errors import BadInput, Damaged

_GIB: Final = 2.0**30


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run needs."""

    base: str
    device: str
    dtype: str
    base_parameters: int
    adapter_parameters: int
    layers: int
    flops_a_token: Mapping[str, float]
    utilisation: float
    """The part of the device's rate that is counted on, recomputation included: an assumption."""
    fits: bool
    checkpointed_layers: int
    memory_gib: Mapping[str, float]
    peak_gib: float
    device_gib: float
    peak_at: str
    tokens_per_s: float
    tokens: int
    hours: float
    settings: Sequence[Setting]


@dataclass(frozen=True, slots=True)
class Need:
    """What a row costs on a device, whatever is computed again."""

    held: Held
    traces: Traces
    flops: Flops
    rehearsed: Traces | None = None
    """Of the general text that each step rehearses, if any."""


def config_of(base: str, folder: Path | None) -> dict[str, Any]:
    """The configuration of a base's directory, or of a shape that is known by name."""
    if folder is None:
        return dict(KNOWN[base])
    path = folder / "config.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        Shape.of(found)
    except OSError as error:
        raise BadInput(
            "it has no config.json", where=str(folder), remedy="name a base's directory or a shape"
        ) from error
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise Damaged(
            f"it describes no decoder ({error})", where=str(path), remedy="fetch the base again"
        ) from error
    return found | (kept_ends(folder) if kept_in_four_bits(found) else {})


def device_of(name: str) -> Device:
    """A card by its name, or this machine, measured now."""
    if name != CPU:
        return card(name)
    cpu = torch.device("cpu")
    return here(cpu, product_rate(torch.float32, cpu))


def here(device: torch.device, rate: float = 1.0) -> Device:
    """This machine's CPU or card, with the memory that it has for this process."""
    memory = free_memory(device) + taken_memory(device)
    if device.type == "cuda":
        return Device("cuda", rate, memory, runtime=0, slack=0.08, utilisation=0.5)
    return Device(CPU, rate, memory, runtime=40 << 20, slack=0.12, utilisation=0.7)


def need_of(config: Mapping[str, Any], recipe: Recipe, device: Device, row: Row) -> Need:
    """Go through a row on this device."""
    dtype = dtype_of(recipe, device)
    shape, told = Shape.of(config), msgspec.json.encode(config)
    weights, learnt = weights_of(config, recipe, dtype)
    extra = 0
    if in_four_bits(config, recipe):
        extra = unpacked_beside(shape, row.tokens, dtype, on_cpu=device.name == CPU)
    held = Held(weights, learnt, shape.layers, recipe.packs > 1, extra)
    flops = flops_a_token(shape, recipe.adapter, row.samples, row.learnt)
    gone = _gone(told, recipe.adapter, dtype, row)
    if not recipe.rehearsal:
        return Need(held, gone, flops)
    text = Row((recipe.rehearsal,), (False,), recipe.rehearsal - 1)
    beside = flops_a_token(shape, recipe.adapter, text.samples, text.learnt)
    flops = flops.with_rehearsal(beside, recipe.rehearsal / (recipe.packs * row.tokens))
    return Need(held, gone, flops, _gone(told, recipe.adapter, dtype, text, rehearsed=True))


def weights_of(config: Mapping[str, Any], recipe: Recipe, dtype: torch.dtype) -> tuple[int, int]:
    """Bytes of a base's weights as a run holds them, and of the adapter on it."""
    weights, learnt = _sizes(msgspec.json.encode(config), recipe.adapter, dtype)
    if in_four_bits(config, recipe):
        shape = Shape.of(config)
        linear = shape.layers * sum(wide * tall for wide, tall in shape.linears().values())
        weights += int(linear * (A_WEIGHT - dtype.itemsize))
    return weights, learnt


def in_four_bits(config: Mapping[str, Any], recipe: Recipe) -> str:
    """nf4 where a run's base is in four bits, by its recipe or as it is kept; else empty."""
    return recipe.quantised or ("nf4" if kept_in_four_bits(config) else "")


def memory_of(need: Need, device: Device, again: int) -> Parts:
    """The memory of a step with so many layers computed again, where most is taken."""
    learning = parts(need.held, need.traces, again, device.runtime, device.slack)
    if need.rehearsed is None:
        return learning
    # By then the gradients of what was learnt are there.
    held = replace(need.held, more_packs=True)
    rehearsing = parts(held, need.rehearsed, again, device.runtime, device.slack)
    return max(learning, rehearsing, key=lambda found: found.peak)


def fewest_of(need: Need, device: Device) -> int | None:
    """The fewest layers to compute again so that a step fits; None where all are too few."""
    return fewest_again(
        need.held.layers, lambda again: memory_of(need, device, again).peak, device.memory
    )


def dtype_of(recipe: Recipe, device: Device) -> torch.dtype:
    """What is computed in: the recipe's, or what the device multiplies fastest."""
    if recipe.dtype:
        return getattr(torch, recipe.dtype)  # type: ignore[no-any-return]
    return fastest_dtype() if device.name == CPU else torch.bfloat16


def plan_run(
    config: Mapping[str, Any],
    recipe: Recipe,
    device: Device,
    base: str,
    *,
    tokens: int,
    utilisation: float,
) -> Plan:
    """What a recipe needs on a device, and which settings fit it."""
    need = need_of(config, recipe, device, row_of(recipe.length, device))
    again = recipe.checkpointed_layers
    if again is None:
        again = fewest_of(need, device)
    again = need.held.layers if again is None else min(again, need.held.layers)
    memory = memory_of(need, device, again)
    speed = _speed(need, device, again, utilisation)
    told = {name: getattr(memory, name) / _GIB for name in _PARTS}
    shape = Shape.of(config)
    return Plan(
        base=base,
        device=device.name,
        dtype=str(dtype_of(recipe, device)).removeprefix("torch."),
        base_parameters=shape.matrices(),
        adapter_parameters=need.held.adapter // 4,
        layers=need.held.layers,
        flops_a_token={name: getattr(need.flops, name) for name in Flops.__slots__},
        utilisation=utilisation,
        fits=memory.peak <= device.memory,
        checkpointed_layers=again,
        memory_gib=told,
        peak_gib=memory.peak / _GIB,
        device_gib=device.memory / _GIB,
        peak_at=memory.at,
        tokens_per_s=speed,
        tokens=tokens,
        hours=tokens / speed / 3600,
        settings=settings_of(config, recipe, device, tokens, utilisation),
    )


def settings_of(
    config: Mapping[str, Any], recipe: Recipe, device: Device, tokens: int, utilisation: float
) -> list[Setting]:
    """Of several lengths, whole and in four bits, the fewest layers to compute again that fit."""
    found = []
    for length in sorted({max(recipe.length // part, 16) for part in (2, 1)} | {2 * recipe.length}):
        for quantised in _bits(config):
            mine = msgspec.structs.replace(
                recipe,
                length=length,
                rehearsal=min(recipe.rehearsal, length),
                quantised=quantised,
            )
            need = need_of(config, mine, device, row_of(length, device))
            found.append(_setting(need, mine, device, tokens, utilisation))
    return found


def _bits(config: Mapping[str, Any]) -> Sequence[Literal["nf4"] | None]:
    """A base that is kept in four bits is in no others."""
    return ("nf4",) if kept_in_four_bits(config) else (None, "nf4")


def row_of(length: int, device: Device) -> Row:
    """A full row: on a CPU two samples with branches, since their masks are kept there."""
    if device.name == CPU:
        return Row((length - length // 2, length // 2), (True, True), length)
    return Row((length,), (False,), length)


_PARTS: Final = (
    "weights", "adapter", "gradients", "optimiser", "activations", "logits", "beside",
)  # fmt: skip


@lru_cache(maxsize=64)
def _sizes(config: bytes, adapter: Adapter, dtype: torch.dtype) -> tuple[int, int]:
    """Bytes of weights and of adapter: of one layer and of two, since the others are alike."""
    told = msgspec.json.decode(config)
    one, two = (shell(told | {"num_hidden_layers": n}, adapter, dtype) for n in (1, 2))
    found = []
    for learnt in (False, True):
        first, both = (
            sum(p.nbytes for p in model.parameters() if p.requires_grad == learnt)
            for model in (one, two)
        )
        found.append(first + (told["num_hidden_layers"] - 1) * (both - first))
    return found[0], found[1]


@lru_cache(maxsize=64)
def _gone(
    config: bytes, adapter: Adapter, dtype: torch.dtype, row: Row, *, rehearsed: bool = False
) -> Traces:
    """A row gone through once, for however many devices and settings; four bits change nothing."""
    step = pack_divergence if rehearsed else pack_loss
    return traces(msgspec.json.decode(config), adapter, dtype, row, step)


def _setting(
    need: Need, recipe: Recipe, device: Device, tokens: int, utilisation: float
) -> Setting:
    fewest = fewest_of(need, device)
    fits = fewest is not None
    again = need.held.layers if fewest is None else fewest
    speed = _speed(need, device, again, utilisation) if fits else 0.0
    return Setting(
        length=recipe.length,
        quantised=recipe.quantised or "",
        checkpointed_layers=fewest,
        peak_gib=memory_of(need, device, again).peak / _GIB,
        tokens_per_s=speed,
        hours=tokens / speed / 3600 if fits else 0.0,
    )


def _speed(need: Need, device: Device, again: int, utilisation: float) -> float:
    return utilisation * device.rate / need.flops.done(again / need.held.layers)
