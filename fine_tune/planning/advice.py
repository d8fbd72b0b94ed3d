"""Ways to run that were planned, and in a recipe's words those that are nearest to what was asked.

Settings come in, a sentence's end goes out. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NOTHING: Final = "a smaller base, or a machine with more memory"


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to run, and what it needs."""

    length: int
    quantised: str
    """nf4, by the recipe or because the base is kept so; else empty."""
    checkpointed_layers: int | None
    """None where not even all layers make it fit."""
    peak_gib: float
    tokens_per_s: float
    hours: float


def advice(settings: Sequence[Setting], length: int, quantised: str = "") -> str:
    """In words, what of these settings fits and is nearest to a run of this length and these bits.

    A run that is in four bits already is not told to be so.

    >>> rows = [Setting(512, "", 4, 7.0, 1.0, 1.0), Setting(1024, "", None, 9.0, 0.0, 0.0),
    ...         Setting(1024, "nf4", 2, 6.0, 1.0, 1.0)]
    >>> advice(rows, 1024)
    'length: 512 with checkpointed_layers: 4; or quantised: nf4 with checkpointed_layers: 2'
    >>> advice(rows, 1024, "nf4")
    'checkpointed_layers: 2'
    """
    fit = [one for one in settings if one.checkpointed_layers is not None and one.length <= length]
    words = []
    for bits in ("nf4",) if quantised else ("", "nf4"):
        mine = [one for one in fit if one.quantised == bits]
        if mine:
            best = max(mine, key=lambda one: one.length)
            keys = [f"length: {best.length}"] if best.length != length else []
            keys += [f"quantised: {bits}"] if bits != quantised else []
            layers = f"checkpointed_layers: {best.checkpointed_layers}"
            words.append(f"{' and '.join(keys)} with {layers}" if keys else layers)
    return "; or ".join(words) or NOTHING
