"""A step that found no memory, told as a sentence that says what would fit.

Whatever a CPU's or a GPU's allocator says comes in; NoRoom goes out, with settings that fit by the
plan. What was finished is kept: the last checkpoint is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from fine_tune.network.layers import decoder
from fine_tune.network.machine import taken_memory
from fine_tune.planning.advice import advice
from fine_tune.planning.plan import here, settings_of
from fine_tune.recipe import Recipe
from finmodel.errors import NoRoom

_SAYS: Final = ("can't allocate memory", "not enough memory", "out of memory")
"""Of torch's allocators on a CPU, which raise nothing narrower than RuntimeError."""


@contextmanager
def memory_told(model: Any, recipe: Recipe, step: int, tokens: int) -> Iterator[None]:
    """NoRoom in place of what an allocator raises inside."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
        device = next(model.parameters()).device
        held = taken_memory(device) / 2**30
        raise NoRoom(
            f"a step of {tokens:,} tokens found no memory beside the {held:.1f} GiB that were held",
            where=f"step {step}",
            remedy=f"the last checkpoint stays; by the plan this fits: {what_fits(model, recipe)}",
        ) from error


def is_memory(error: BaseException) -> bool:
    """Whether that is what an error says.

    >>> is_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")), \
is_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error) for words in _SAYS)


def what_fits(model: Any, recipe: Recipe) -> str:
    """Settings that fit this machine by the plan, in the recipe's words."""
    device = here(next(model.parameters()).device)
    config = decoder(model).config.to_dict()
    return advice(settings_of(config, recipe, device, 1, 1.0), recipe.length)
