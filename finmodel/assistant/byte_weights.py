"""Weights of a small linear model in a file, a byte each; and logits made probabilities.

Arrays come in, an npz file goes out, and a model again, or a sentence where the file holds none.
Nothing is unpickled. What the weights are of is not known here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from finmodel.errors import Damaged

_STEPS: Final = 127.0
Arrays: TypeAlias = dict[str, NDArray[Any]]
Model = TypeVar("Model")


class Kind(NamedTuple):
    """One kind of such files, and what is said of a file that is none."""

    called: str
    rows: int
    columns: str
    """The array that names each column."""
    maker: str
    """The module that writes it."""


def write_weights(path: Path, weights: NDArray[np.float32], **more: Any) -> None:
    """Write weights, rounded to 255 steps, and what else a model has."""
    scale = float(np.abs(weights).max()) / _STEPS or 1.0
    rounded = np.rint(weights / scale).astype(np.int8)
    np.savez_compressed(path, weights=rounded, scale=np.float64(scale), **more)


def read_weights(path: Path, kind: Kind, made: Callable[[Arrays], Model]) -> Model:
    """What `made` makes of a file's arrays, the weights numbers again.

    Damaged where it holds none of this kind; what `made` raises as KeyError or ValueError is that.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        found["weights"] = found["weights"].astype(np.float32) * np.float32(found["scale"])
        count = len(found[kind.columns])
        if found["weights"].shape != (kind.rows, count) or found["bias"].shape != (count,):
            raise ValueError(f"weights of shape {found['weights'].shape} for {count} columns")
        return made(found)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        remedy = f"make it again: python -m {kind.maker}"
        raise Damaged(f"it holds no {kind.called}", where=str(path), remedy=remedy) from error


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Along the last axis, together 1.

    >>> softmax(np.zeros(4, np.float32)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    found: NDArray[np.float32] = shifted / shifted.sum(-1, keepdims=True)
    return found
