"""Whether a base's weights are all there, told by their headers: no weight is read.

A directory and its safetensors files come in; a sentence comes out where one was cut off, is empty
or only a pointer to what was never fetched, or where their index names one that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from safetensors import SafetensorError, safe_open

from finmodel.durable import disk_error
from finmodel.errors import Damaged, NotFound

INDEX: Final = "model.safetensors.index.json"
_POINTER: Final = b"version https://git-lfs"
_AGAIN: Final = "fetch the base again"


def require_whole(folder: Path, weights: Sequence[Path]) -> None:
    """Damaged or NotFound where a base's weights are not whole."""
    for path in weights:
        try:
            with safe_open(path, framework="np") as file:
                found = any(True for _ in file.keys())  # noqa: SIM118 -- it is no mapping
        except SafetensorError as error:
            raise Damaged(_what(path), where=str(path), remedy=_AGAIN) from error
        except OSError as error:
            raise disk_error(error, path) from error
        if not found:
            raise Damaged("it holds no weights", where=str(path), remedy=_AGAIN)
    gone = sorted(_named(folder) - {path.name for path in weights})
    if gone:
        raise NotFound(
            f"{len(gone)} of its files of weights are not there: {', '.join(gone[:3])}",
            where=str(folder),
            remedy="fetch them too",
        )


def _what(path: Path) -> str:
    """Why a header does not fit its file."""
    with path.open("rb") as file:
        begun = file.read(len(_POINTER))
    if not begun:
        return "the file is empty"
    if begun == _POINTER:
        return "it is Git LFS's pointer to the weights, which were not fetched"
    return "it is cut off, or no safetensors file"


def _named(folder: Path) -> set[str]:
    """The files that the index of several names; none where there is no index."""
    path = folder / INDEX
    if not path.is_file():
        return set()
    try:
        told = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        return set(msgspec.convert(told.get("weight_map", {}), dict[str, str]).values())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged("it is no index of weights", where=str(path), remedy=_AGAIN) from error
