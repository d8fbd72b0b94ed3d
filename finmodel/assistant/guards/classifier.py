"""How likely a text is of each category: a linear model over characters, sounds and concepts.

A normalised text comes in, a probability for each category goes out, `nothing` among them. The
weights are 8-bit integers in an npz file that `finmodel.lender.talk.guard_weights` writes; what
follows from a category is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from finmodel.assistant.byte_weights import Arrays, Kind, read_weights, softmax, write_weights
from finmodel.assistant.guards.concepts import named
from finmodel.assistant.guards.normal import normalise
from finmodel.assistant.guards.spelling import each_sound, heard
from finmodel.assistant.sentences import unfinished

INBOUND: Final = Path(__file__).with_name("inbound_weights.npz")
OUTBOUND: Final = Path(__file__).with_name("outbound_weights.npz")
NOTHING: Final = "nothing"
Finder: TypeAlias = Literal["rule", "classifier"]
ROWS: Final = 1 << 16
"""Rows of the weights; a feature's is its CRC-32 modulo so many."""
SHORTEST: Final = 4
LONGEST: Final = 400
"""Of a longer text the first and the last so many characters are weighed."""
_LOUD: Final = 3
"""A concept is so many features: it says more than a pair of characters."""
_DIGITS: Final = re.compile(r"\d+(?:[.,]\d+)*")


class Kept(NamedTuple):
    """A classifier's own bias and threshold: what it tells of these names by them, stays told."""

    bias: NDArray[np.float32]
    threshold: float
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights of features by category."""

    categories: tuple[str, ...]
    """The first is `nothing`."""
    weights: NDArray[np.float32]
    """Rows by categories."""
    bias: NDArray[np.float32]
    threshold: float
    """From this probability of not being nothing on, a category is told."""
    kept: Kept | None = None
    """What it was before it was calibrated."""

    def probabilities(self, text: str) -> NDArray[np.float32]:
        """One for each category, together 1; of a normalised text."""
        return softmax(self.logits(text) + self.bias)

    def logits(self, text: str) -> NDArray[np.float32]:
        """One for each category, of a normalised text; without the bias."""
        rows = features(text)
        found: NDArray[np.float32] = self.weights[rows].sum(0) / np.float32(
            max(len(rows), 1) ** 0.5
        )
        return found

    def likely(self, text: str) -> tuple[str, float]:
        """The likeliest category that is not `nothing`, and how likely it is that one is meant.

        Of fewer than `SHORTEST` characters nothing is said: 0.
        """
        if len(text) < SHORTEST:
            return self.categories[1], 0.0
        return self._likeliest(self.logits(text) + self.bias)

    def tells(self, text: str, before: str = "") -> str | None:
        """What a text is, alone or as the end of what the same person wrote before.

        Both as written. Ordinary words before it hide nothing, so what is told of a text alone is
        told of it anywhere. Of what was written before only the sentence that has not ended is read
        with it, unless that was told already. None where nothing is likely enough.
        """
        if (alone := self._told(text)) is not None:
            return alone
        begun = unfinished(before)
        if not begun or self._told(begun) is not None:
            return None
        return self._told(begun + text)

    def _told(self, text: str) -> str | None:
        plain = normalise(text).text
        if len(plain) < SHORTEST:
            return None
        logits = self.logits(plain)
        if self.kept is not None:
            name, likely = self._likeliest(logits + self.kept.bias)
            if likely >= self.kept.threshold and name in self.kept.names:
                return name
        name, likely = self._likeliest(logits + self.bias)
        return name if likely >= self.threshold else None

    def _likeliest(self, logits: NDArray[np.float32]) -> tuple[str, float]:
        found = softmax(logits)
        return self.categories[1 + int(found[1:].argmax())], 1.0 - float(found[0])


def features(text: str) -> NDArray[np.int64]:
    """The rows of a text's features, each once.

    Characters and pairs of them, up to three sounds, and what concepts the text speaks of.
    """
    names = {crc32(name.encode("utf-8", "surrogatepass")) % ROWS for name in _names(text)}
    return np.array(sorted(names), np.int64)


def _names(text: str) -> Iterator[str]:
    if len(text) > 2 * LONGEST:
        text = f"{text[:LONGEST]}\n{text[-LONGEST:]}"
    text = _DIGITS.sub("0", text)
    written = heard(text).text
    sound = each_sound(written)
    yield from set(text)
    yield from (text[at : at + 2] for at in range(len(text) - 1))
    for size in (1, 2, 3):
        yield from (f"~{sound[at : at + size]}" for at in range(len(sound) - size + 1))
    yield from (f"{sound[at]}~{sound[at + 2]}" for at in range(len(sound) - 2))
    yield from (f"#{one}{part}" for one in named(written, sound) for part in range(_LOUD))


@cache
def load_classifier(path: Path) -> Classifier:
    """The classifier of a file; raises `Damaged` where it is none."""
    return read_weights(path, _FILE, _classifier)


def write_classifier(path: Path, model: Classifier) -> None:
    """Write a classifier, its weights rounded to 255 steps."""
    write_weights(
        path,
        model.weights,
        categories=np.array(model.categories),
        bias=model.bias.astype(np.float32),
        threshold=np.float64(model.threshold),
    )


def _classifier(found: Arrays) -> Classifier:
    categories = tuple(str(one) for one in found["categories"])
    if categories[:1] != (NOTHING,):
        raise ValueError(f"the first category is not {NOTHING!r}")
    return Classifier(categories, found["weights"], found["bias"], float(found["threshold"]))


_FILE: Final = Kind("classifier", ROWS, "categories", "finmodel.lender.talk.guard_weights")
