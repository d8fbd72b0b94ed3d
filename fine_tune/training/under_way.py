"""The folder of a run that is under way: one process's alone, and there until all is recorded.

A home and a run's name come in; its folder goes out, with the MLflow run that an earlier life of it
began. Removed in one step: half a folder would be a run that cannot go on.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fine_tune.network.processes import first
from finmodel.durable import held_alone, make_folder, replace_file
from finmodel.errors import NotReady

_LOCK: Final = ".lock"
_TRACKED: Final = "mlflow_run.txt"
_DONE: Final = ".done-"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run's folder; NotReady where another process is at it. Of several the first holds it.

    What runs that are over left behind is cleared away.
    """
    if not first():
        yield
        return
    make_folder(folder)
    for old in folder.parent.glob(f"{_DONE}*"):
        shutil.rmtree(old, ignore_errors=True)
    busy = NotReady(
        "another process is at this very run",
        where=str(folder),
        remedy="wait for it, or stop it and give the command again",
    )
    with held_alone(folder / _LOCK, busy):
        yield


def tracked_before(folder: Path) -> str:
    """The MLflow run that an earlier life began; empty of none."""
    kept = folder / _TRACKED
    return kept.read_text() if kept.is_file() else ""


def keep_tracked(folder: Path, run_id: str) -> None:
    """Note the MLflow run for lives to come."""
    replace_file(folder / _TRACKED, run_id.encode())


def remove(folder: Path) -> None:
    """The run is over and recorded: its folder is gone, at once."""
    aside = folder.with_name(f"{_DONE}{secrets.token_hex(4)}")
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
