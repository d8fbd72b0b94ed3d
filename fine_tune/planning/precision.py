"""The dtype that a run computes in: its recipe's, or the one that its first life found fastest.

A recipe and the run's folder come in, a dtype goes out. It is written down: on a machine that is
busy with other things a later trial might end otherwise, and the run with other losses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from fine_tune.network.machine import fastest_dtype
from fine_tune.network.processes import first, most
from fine_tune.recipe import Recipe
from finmodel.durable import replace_file
from finmodel.errors import Damaged

_KEPT: Final = "dtype.txt"
_TRIED: Final = (torch.bfloat16, torch.float32)


def dtype_of(recipe: Recipe, folder: Path) -> torch.dtype:
    """What all lives and all processes of a run compute in; Damaged where the note is none."""
    if recipe.dtype is not None:
        found: torch.dtype = getattr(torch, recipe.dtype)
        return found
    kept = folder / _KEPT
    if kept.is_file():
        return _read(kept)
    # Processes on unlike machines must agree: the wider where one of them wants it.
    chosen = _TRIED[int(most(_TRIED.index(fastest_dtype())))]
    if first():
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(kept, str(chosen).encode())
    return chosen


def _read(kept: Path) -> torch.dtype:
    told = kept.read_text()
    for one in _TRIED:
        if str(one) == told:
            return one
    raise Damaged("it names no dtype", where=str(kept), remedy="remove the run's folder")
