"""Chance without a state: the same seed, customer, purpose and turn give the same number for ever.

In go keys (one a customer), a purpose and a turn; out come uniforms in (0, 1), vectorised. Nothing
depends on who was asked before, so a population may be cut into chunks of any size and walked in
any order. It is SplitMix64 with its counter in our hands; it is no cryptography.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from finmodel.records import Float64s, Int64s

Keys: TypeAlias = npt.NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15
_WORD = 2**64 - 1


class Purpose(IntEnum):
    """What a number is drawn for. New ones go to the end: the old keep their numbers."""

    TRAIT = auto()
    ARRIVAL = auto()
    APPLICATION = auto()
    DRAW = auto()
    DRAW_TERMS = auto()
    TREATMENT = auto()
    OFFER = auto()
    OUTCOME = auto()
    PAYMENT = auto()
    MESSAGE = auto()
    LOGIN = auto()
    SESSION = auto()
    PAGE = auto()
    DELIVERY = auto()


def mix(values: Keys) -> Keys:
    """SplitMix64's last step: a bijection on 64 bits that leaves no pattern.

    >>> mix(np.array([1, 2], np.uint64)).tolist()
    [6238072747940578789, 15839785061582574730]
    """
    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def word(seed: int) -> np.uint64:
    """A seed, spread over 64 bits."""
    return np.uint64(mix(np.array([(seed + 1) * _GOLDEN & _WORD], np.uint64))[0])


def keys_of(seed: int, customers: Int64s) -> Keys:
    """Each customer's own key under a seed."""
    return mix(customers.astype(np.uint64) * np.uint64(_GOLDEN) ^ word(seed))


def uniform(keys: Keys, purpose: Purpose, turn: Int64s | int = 0) -> Float64s:
    """Uniforms in (0, 1); `turn` (below 2**50) is broadcast against the keys.

    >>> keys = keys_of(7, np.array([1, 2, 3]))
    >>> both = uniform(keys, Purpose.DRAW, 5)
    >>> bool((both[1:] == uniform(keys[1:], Purpose.DRAW, 5)).all())
    True
    """
    turns = np.atleast_1d(np.asarray(turn, np.int64)).astype(np.uint64)
    counter = turns << np.uint64(6) | np.uint64(purpose)
    bits = mix(keys + counter * np.uint64(_GOLDEN))
    return fraction(bits)


def fraction(bits: Keys) -> Float64s:
    """The upper 53 bits as a number in (0, 1), never an end."""
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(keys: Keys, purpose: Purpose, turn: int) -> Float64s:
    """Standard normals, by Box and Muller, of turns 2·turn and 2·turn + 1."""
    radius = np.sqrt(-2.0 * np.log(uniform(keys, purpose, 2 * turn)))
    turned: Float64s = radius * np.cos(2.0 * np.pi * uniform(keys, purpose, 2 * turn + 1))
    return turned
