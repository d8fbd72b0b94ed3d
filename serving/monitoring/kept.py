"""The last result of each question: kept by whoever computed it, opened by the service.

A result is one small file (panels, and what they were computed from) beside a folder of columns,
which are mapped, not read. The file is replaced last and whole, so that a reader sees the old
result or the new one. All of it can be computed again: where it is damaged it counts as not there.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.audit_segments import read_mark
from finmodel.clock import china_day
from finmodel.durable import replace_file
from finmodel.errors import NotReady
from finmodel.pointers import pointer_path
from finmodel.settings import Settings
from risk.monitor.panels import Monitor
from risk.monitor.points import VariableCells
from serving.monitoring.asked import Question

MOST_KEPT = 64
"""So many questions' results are kept, those that were computed last."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and of what."""

    question: Question
    panels: Monitor
    version: int
    edges_us: tuple[int, ...]
    periods: tuple[str, ...]
    segments: dict[str, tuple[str, ...]]
    marks: dict[str, str]
    """Where log and outcomes ended, which versions had an alias, and which day it was."""
    computed_at: datetime
    seconds: float
    folder: str
    """Of its columns."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A result's columns and its variables, while its folder is there."""

    columns: Mapping[str, npt.NDArray[Any]]
    variables: tuple[VariableCells, ...]


def marks_of(settings: Settings, model: str) -> dict[str, str]:
    """What a result depends on beside its question; equal where nothing is newer."""
    mark = read_mark(settings.audit)
    told = {
        "audit": f"{mark.log.hex()}:{mark.number}:{mark.end}",
        "outcomes": " ".join(sorted(one.name for one in settings.outcomes.glob("outcomes-*"))),
        "imported": " ".join(sorted(one.name for one in settings.imported.glob("decisions-*"))),
        "day": china_day(settings.clock.now()).isoformat(),
    }
    for alias in ("champion", "challenger"):
        path = pointer_path(settings.exports, model, alias)
        with suppress(FileNotFoundError):
            told[alias] = str(path.stat().st_mtime_ns)
    return told


def kept(settings: Settings, question: Question) -> Result | None:
    """A question's last result; None where there is none that can be read."""
    try:
        told = (settings.monitoring / f"{question.key}.json").read_bytes()
        return msgspec.json.decode(told, type=Result)
    except (OSError, msgspec.MsgspecError):
        return None  # of an older version of this software, or never computed


def keep(
    settings: Settings,
    result: Result,
    columns: Mapping[str, npt.NDArray[Any]],
    variables: list[VariableCells],
) -> None:
    """Keep a result in place of its question's last; older ones than `MOST_KEPT` go."""
    settings.monitoring.mkdir(mode=0o700, exist_ok=True)
    with (settings.monitoring / ".lock").open("w") as lock:
        # Whoever else keeps one just now has a folder that no result names yet.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _keep(settings.monitoring, result, columns, variables)


def _keep(
    home: Path,
    result: Result,
    columns: Mapping[str, npt.NDArray[Any]],
    variables: list[VariableCells],
) -> None:
    folder = home / f"{result.question.key}-{secrets.token_hex(6)}"
    folder.mkdir(mode=0o700)
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", values, allow_pickle=False)
    (folder / "variables.json").write_bytes(msgspec.json.encode(variables))
    told = msgspec.structs.replace(result, folder=folder.name)
    replace_file(home / f"{result.question.key}.json", msgspec.json.encode(told), sync=False)
    _forget(home)


def mapped(settings: Settings, result: Result) -> Mapped:
    """A result's columns; NotReady where a newer result has just taken its place."""
    folder = settings.monitoring / result.folder
    try:
        columns = {one.stem: _array(one) for one in sorted(folder.glob("*.npy"))}
        told = (folder / "variables.json").read_bytes()
    except OSError as error:
        raise NotReady("it is being renewed", where="monitoring", remedy="ask again") from error
    return Mapped(columns, msgspec.json.decode(told, type=tuple[VariableCells, ...]))


def _array(path: Path) -> npt.NDArray[Any]:
    if path.stat().st_size > 1 << 16:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]


def _forget(home: Path) -> None:
    """Let go of folders that no result names, and of all results but the youngest."""
    files = sorted(home.glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
    for old in files[:-MOST_KEPT]:
        old.unlink()
    named = set()
    for path in files[-MOST_KEPT:]:
        with suppress(msgspec.MsgspecError):
            named.add(msgspec.json.decode(path.read_bytes(), type=_Folder).folder)
    for entry in os.scandir(home):
        if entry.is_dir() and entry.name not in named:
            shutil.rmtree(entry.path, ignore_errors=True)


class _Folder(msgspec.Struct):
    folder: str
