"""How likely each intent is in a situation: a linear model over terms, sounds and concepts.

A situation comes in, a probability for each intent goes out. The weights are 8-bit integers in an
npz file that `finmodel.lender.talk.intent_weights` writes; which scripts answer is not known here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finmodel.assistant.byte_weights import Arrays, Kind, read_weights, softmax, write_weights
from finmodel.assistant.guards.spelling import each_sound
from finmodel.assistant.matching.concepts import concepts
from finmodel.assistant.matching.situation import Situation
from finmodel.assistant.matching.terms import read, terms

SHIPPED: Final = Path(__file__).with_name("intent_weights.npz")
ROWS: Final = 1 << 14
"""Rows of the weights; a feature's is its CRC-32 modulo so many."""
_CONTEXT: Final = 0.35
"""What a feature of the context weighs beside what was said, of length 1 together."""
_CONCEPT: Final = 2.0
"""What a concept weighs beside a word: it says more than a pair of characters."""


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
        return softmax(values @ self.weights[rows] + self.bias)


def features(situation: Situation) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows of a situation's features and their values; a row stands once for each feature."""
    text = read(situation.asked)
    words = sorted({*terms(situation.asked), *_sounds(text)})
    meant = [f"#{one}" for one in concepts(text)]
    context = [
        f"account {situation.account}",
        f"before {situation.before}",
        f"open {situation.open}",
        f"just verified {situation.just_verified}",
        f"length {min(len(situation.asked) // 4, 8)}",
    ]
    said = np.array([1.0] * len(words) + [_CONCEPT] * len(meant))
    said /= max(float(np.sqrt(said @ said)), 1.0)
    values = np.concatenate([said, np.full(len(context), _CONTEXT)]).astype(np.float32)
    return np.array(_rows([*words, *meant, *context])), values


def _sounds(text: str) -> Iterator[str]:
    """Pairs of neighbouring sounds, which a homophone leaves as they were."""
    sounds = each_sound(text)
    return (f"~{sounds[at : at + 2]}" for at in range(len(sounds) - 1))


def _rows(names: Sequence[str]) -> list[int]:
    return [zlib.crc32(name.encode()) % ROWS for name in names]


@cache
def load_model(path: Path = SHIPPED) -> IntentModel:
    """The model of a file; raises `Damaged` where it is none."""
    return read_weights(path, _FILE, _model)


def write_model(path: Path, model: IntentModel) -> None:
    """Write a model, its weights rounded to 255 steps."""
    write_weights(
        path,
        model.weights,
        intents=np.array(model.intents),
        bias=model.bias.astype(np.float32),
        blend=np.float64(model.blend),
        confident=np.float64(model.confident),
    )


def _model(found: Arrays) -> IntentModel:
    intents = tuple(str(one) for one in found["intents"])
    blend, confident = float(found["blend"]), float(found["confident"])
    return IntentModel(intents, found["weights"], found["bias"], blend, confident)


_FILE: Final = Kind("intent model", ROWS, "intents", "finmodel.lender.talk.intent_weights")
