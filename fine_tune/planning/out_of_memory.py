"""Where a run found no memory, told as a sentence that says what would fit.

Whatever a CPU's or a GPU's allocator says comes in; NoRoom goes out, with settings that fit by the
plan. What was finished is kept: the last checkpoint is not touched.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from fine_tune.network.layers import decoder
from fine_tune.network.machine import best_device, free_memory, taken_memory
from fine_tune.network.processes import count
from fine_tune.planning.advice import NOTHING, advice
from fine_tune.planning.four_bits import ENDS, kept_in_four_bits
from fine_tune.planning.plan import (
    config_of,
    here,
    in_four_bits,
    memory_of,
    need_of,
    row_of,
    settings_of,
    weights_of,
)
from fine_tune.recipe import Recipe
from finmodel.errors import FinmodelError, NoRoom

BY_PLAN: Final = "by the plan this fits"
_SAYS: Final = ("allocate memory", "not enough memory", "out of memory")
"""Of torch's allocators on a CPU and of the system, which raise nothing narrower of their own."""
_WANTED: Final = re.compile(r"tried to allocate (\d+(?:\.\d+)?) ?(bytes|[KMG]iB)", re.IGNORECASE)
_UNIT: Final = {"bytes": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_GIB: Final = 2.0**30
_LESS: Final = 0.1
"""What is advised comes and goes with so much less than what failed."""


@contextmanager
def memory_told(doing: str, where: str, remedy: Callable[[], str]) -> Iterator[None]:
    """NoRoom in place of what an allocator raises inside; its remedy is asked for only then."""
    try:
        yield
    except Exception as error:
        if isinstance(error, FinmodelError) or not is_memory(error):
            raise
        held = taken_memory(best_device()) / _GIB
        traceback.clear_frames(error.__traceback__)  # they hold what there was no room beside
        raise NoRoom(
            f"{doing} found no memory{_wanted(error)} beside the {held:.1f} GiB that were held",
            where=where,
            remedy=_safely(remedy),
        ) from error


def step_told(model: Any, recipe: Recipe, step: int, tokens: int) -> AbstractContextManager[None]:
    """The same of a training step."""
    return memory_told(
        f"a step of {tokens:,} tokens",
        f"step {step}",
        lambda: f"the last checkpoint stays; {BY_PLAN}: {what_fits(model, recipe)}",
    )


def is_memory(error: BaseException) -> bool:
    """Whether that is what an error says.

    >>> is_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")), \
is_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error) for words in _SAYS)


def what_fits(model: Any, recipe: Recipe, again: int | None = None) -> str:
    """Settings that fit this machine by the plan, and take less than a run that did not.

    That run is the model's as it stands, or one in which `again` of its layers were computed again.
    """
    stack = decoder(model)
    if again is None:
        again = sum(bool(layer.gradient_checkpointing) for layer in stack.layers)
    device = here(next(model.parameters()).device)
    config, recipe = stack.config.to_dict(), _in(recipe, stack.norm.weight.dtype)
    if kept_in_four_bits(config):
        config[ENDS] = _name(stack.embed_tokens.weight.dtype)
    failed = memory_of(
        need_of(config, recipe, device, row_of(recipe.length, device)), device, again
    )
    moving = failed.activations + failed.logits + failed.gradients
    less = replace(device, memory=min(device.memory, failed.peak - int(_LESS * moving)))
    return advice(
        settings_of(config, recipe, less, 1, 1.0), recipe.length, in_four_bits(config, recipe)
    )


def loading_told(folder: Path, recipe: Recipe) -> AbstractContextManager[None]:
    """NoRoom where a base finds no memory while it is loaded."""
    return memory_told(
        "loading the base", str(folder), lambda: f"{BY_PLAN}: {what_loads(folder, recipe)}"
    )


def what_loads(folder: Path, recipe: Recipe) -> str:
    """Settings that fit by the plan where a base itself did not: in fewer bits, if there are."""
    config = config_of(recipe.base, folder)
    if in_four_bits(config, recipe):
        return NOTHING
    device = here(best_device())
    settings = [one for one in settings_of(config, recipe, device, 1, 1.0) if one.quantised]
    return advice(settings, recipe.length)


def require_room(folder: Path, recipe: Recipe, dtype: torch.dtype) -> None:
    """NoRoom where a base's weights alone are more than is free: asked before they are read.

    The system would end the process without a word. Several processes share what they read.
    """
    if count() > 1:
        return
    weights, _ = weights_of(config_of(recipe.base, folder), recipe, dtype)
    free = free_memory(best_device())
    if weights > free:
        raise NoRoom(
            f"its weights take {weights / _GIB:.1f} GiB, and {free / _GIB:.1f} are free",
            where=str(folder),
            remedy=f"{BY_PLAN}: {what_loads(folder, _in(recipe, dtype))}",
        )


def _in(recipe: Recipe, dtype: torch.dtype) -> Recipe:
    """A recipe of what a run computes in: to find out again might take more than there is."""
    return msgspec.structs.replace(recipe, dtype=_name(dtype))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _wanted(error: BaseException) -> str:
    """How much was asked for, where the allocator says so.

    >>> _wanted(RuntimeError("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has"))
    ' for 1.50 GiB'
    """
    told = _WANTED.search(str(error))
    return f" for {float(told[1]) * _UNIT[told[2].lower()] / _GIB:.2f} GiB" if told else ""


def _safely(remedy: Callable[[], str]) -> str:
    """A remedy that was asked for where there is little memory to find one in."""
    try:
        return remedy()
    except Exception as error:
        if not is_memory(error):
            raise
        return NOTHING
