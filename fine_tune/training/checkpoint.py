"""Where a run stands, on the disk: whole or not there.

An adapter's and an optimiser's tensors and the losses so far come in; a folder goes out, written
aside and renamed, and the one before it is removed only then. Tensors are safetensors, the rest is
JSON: nothing here is unpickled.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from finmodel.durable import disk_error, made_aside, sync_file, write_file
from finmodel.errors import BadInput, Damaged

_NAME: Final = re.compile(r"^step-(\d{8})$")
_CODE: Final = re.compile(r"os error (\d+)")
_TENSORS: Final = "state.safetensors"
_TOLD: Final = "run.json"


class Told(msgspec.Struct, frozen=True):
    """What a checkpoint says in words and numbers."""

    step: int
    """So many steps are done."""
    run: str
    """Digest of everything that makes the run what it is: recipe, base, samples."""
    losses: tuple[float, ...]
    seconds: float
    """Spent in steps, over all of its lives."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A run as it stands after some step."""

    told: Told
    tensors: Mapping[str, torch.Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Keep a checkpoint and then remove those before it; NoRoom where the disk is full."""
    path = folder / f"step-{checkpoint.told.step:08d}"
    with made_aside(path) as aside:
        aside.mkdir(parents=True)
        _save_tensors(checkpoint.tensors, aside / _TENSORS)
        write_file(aside / _TOLD, msgspec.json.encode(checkpoint.told))
    for old in _steps(folder):
        if old != checkpoint.told.step:
            shutil.rmtree(folder / f"step-{old:08d}")
    return path


def _save_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Written from where they lie: bytes of their own would take their memory again."""
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        code = _CODE.search(str(error))
        raise disk_error(OSError(int(code[1]) if code else 0, str(error)), path) from error
    sync_file(path)


def last_checkpoint(folder: Path, run: str) -> Checkpoint | None:
    """The newest checkpoint of a run, or None; BadInput where the folder holds another run's."""
    steps = _steps(folder)
    if not steps:
        return None
    path = folder / f"step-{steps[-1]:08d}"
    try:
        told = msgspec.json.decode((path / _TOLD).read_bytes(), type=Told)
        tensors = load_file(path / _TENSORS)
    except (msgspec.MsgspecError, OSError, SafetensorError) as error:
        raise Damaged(
            "this checkpoint cannot be read", where=str(path), remedy="remove it and begin again"
        ) from error
    if told.run != run:
        raise BadInput(
            "it holds a run of another recipe, base or data",
            where=str(path),
            remedy="name another folder, or remove this one to begin again",
        )
    return Checkpoint(told, tensors)


def _steps(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    found = (_NAME.match(path.name) for path in folder.iterdir())
    return sorted(int(one[1]) for one in found if one)
