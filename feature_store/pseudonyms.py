"""Customers' ids under a key, and back: the archive names nobody, and a store can be rebuilt.

64-bit numbers and a key come in, as many go out, the same for the same and none twice. It is FF1 of
NIST SP 800-38G over AES-256, for words of 64 bits and no tweak; the rounds go over all numbers at
once. Knows no file and no archive.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from finmodel.records import Int64s

Halves: TypeAlias = npt.NDArray[np.uint32]

KEY_BYTES = 32
ROUNDS = 10
_HALF = 32
_FIRST = bytes([1, 2, 1, 0, 0, 2, ROUNDS, _HALF]) + (2 * _HALF).to_bytes(4) + bytes(4)
"""What each round begins with: FF1's first block, for radix 2, 64 digits and no tweak."""


def hidden(key: bytes, ids: Int64s) -> Int64s:
    """(n,) what stands for each id.

    >>> hidden(bytes(32), np.array([7, 8, 7])).tolist()
    [-7373099777021835697, -6404272251846204402, -7373099777021835697]
    """
    left, right = _parted(ids)
    for number in range(ROUNDS):
        left, right = right, left + _round(key, number, right)
    return _joined(left, right)


def shown(key: bytes, pseudonyms: Int64s) -> Int64s:
    """(n,) the ids that stand behind pseudonyms.

    >>> shown(bytes(32), hidden(bytes(32), np.array([7, -8]))).tolist()
    [7, -8]
    """
    left, right = _parted(pseudonyms)
    for number in reversed(range(ROUNDS)):
        left, right = right - _round(key, number, left), left
    return _joined(left, right)


def _round(key: bytes, number: int, half: Halves) -> Halves:
    """What one round adds to the other half."""
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    blocks = np.zeros((len(half), 16), np.uint8)
    blocks[:, 11] = number
    blocks[:, 12:] = half.astype(">u4").view(np.uint8).reshape(-1, 4)
    blocks ^= np.frombuffer(aes.update(_FIRST), np.uint8)
    made = np.frombuffer(aes.update(blocks.tobytes()), ">u4").reshape(-1, 4)
    return made[:, 1].astype(np.uint32)  # of its first 64 bits, those that are left modulo 2³²


def _parted(numbers: Int64s) -> tuple[Halves, Halves]:
    words = np.ascontiguousarray(numbers, np.int64).view(np.uint64)
    return (words >> np.uint64(_HALF)).astype(np.uint32), words.astype(np.uint32)


def _joined(left: Halves, right: Halves) -> Int64s:
    return ((left.astype(np.uint64) << np.uint64(_HALF)) | right).view(np.int64)
