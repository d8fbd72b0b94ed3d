"""How likely each intent is in a situation: a linear model over terms, read from its file.

A situation comes in, a probability for each intent goes out. The weights are 8-bit integers in an
npz file that `finmodel.lender.talk.intent_weights` writes; which scripts answer is not known here.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from finmodel.assistant.matching.situation import Situation
from finmodel.assistant.matching.terms import terms
from finmodel.errors import Damaged

SHIPPED: Final = Path(__file__).with_name("intent_weights.npz")
ROWS: Final = 1 << 14
"""Rows of the weights; a feature's is its CRC-32 modulo so many."""
_CONTEXT: Final = 0.35
"""What a feature of the context weighs beside the words, which have length 1 together."""


@dataclass(frozen=True, slots=True)
class IntentModel:
    """Weights of features by intent."""

    intents: tuple[str, ...]
    weights: NDArray[np.float32]
    """Rows by intents."""
    bias: NDArray[np.float32]
    blend: float
    """The part of a score that BM25 over the scripts gives, 0 to 1."""
    confident: float
    """From this score on the first script is right often enough to be offered alone."""

    def probabilities(self, situation: Situation) -> NDArray[np.float32]:
        """One for each intent, together 1."""
        rows, values = features(situation)
        logits = values @ self.weights[rows] + self.bias
        shifted = np.exp(logits - logits.max())
        found: NDArray[np.float32] = shifted / shifted.sum()
        return found


def features(situation: Situation) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows of a situation's features and their values; a row stands once for each feature."""
    words = sorted(set(terms(situation.asked)))
    context = [
        f"account {situation.account}",
        f"before {situation.before}",
        f"open {situation.open}",
        f"just verified {situation.just_verified}",
        f"length {min(len(situation.asked) // 4, 8)}",
    ]
    each = 1.0 / max(len(words), 1) ** 0.5
    values = [each] * len(words) + [_CONTEXT] * len(context)
    return np.array(_rows([*words, *context])), np.array(values, np.float32)


def _rows(names: Sequence[str]) -> list[int]:
    return [zlib.crc32(name.encode()) % ROWS for name in names]


@cache
def load_model(path: Path = SHIPPED) -> IntentModel:
    """The model of a file; raises `Damaged` where it is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        return _model(found)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        remedy = "make it again: python -m finmodel.lender.talk.intent_weights"
        raise Damaged("it holds no intent model", where=str(path), remedy=remedy) from error


def write_model(path: Path, model: IntentModel) -> None:
    """Write a model, its weights rounded to 255 steps."""
    scale = float(np.abs(model.weights).max()) / 127.0 or 1.0
    np.savez_compressed(
        path,
        intents=np.array(model.intents),
        weights=np.rint(model.weights / scale).astype(np.int8),
        scale=np.float64(scale),
        bias=model.bias.astype(np.float32),
        blend=np.float64(model.blend),
        confident=np.float64(model.confident),
    )


def _model(found: dict[str, NDArray[Any]]) -> IntentModel:
    intents = tuple(str(one) for one in found["intents"])
    weights = found["weights"].astype(np.float32) * np.float32(found["scale"])
    if weights.shape != (ROWS, len(intents)) or found["bias"].shape != (len(intents),):
        raise ValueError(f"weights of shape {weights.shape} for {len(intents)} intents")
    return IntentModel(
        intents, weights, found["bias"], float(found["blend"]), float(found["confident"])
    )
