"""Draws by lot that can be drawn again: the same application always draws the same number.

A purpose, a seed and an application's id come in, a number from 0 up to but not including 1 goes
out. No generator has a state: whoever knows the id can check the draw.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

Purpose = Literal["lane", "arm"]
"""Random approval, and champion or challenger: two draws that know nothing of each other."""
BPS = 10_000


def draw(purpose: Purpose, seed: str, application_id: str) -> float:
    """A number in [0, 1): the first 53 bits of a SHA-256, which a double holds exactly.

    >>> draw("lane", "2005", "A-1") == draw("lane", "2005", "A-1")
    True
    >>> draw("lane", "2005", "A-1") == draw("arm", "2005", "A-1")
    False
    """
    told = sha256(f"{purpose}\0{seed}\0{application_id}".encode()).digest()
    return (int.from_bytes(told[:8], "big") >> 11) / 2.0**53


def falls_within(drawn: float, share_bps: int) -> bool:
    """Whether a draw falls within a share.

    >>> falls_within(0.0099, 100), falls_within(0.01, 100), falls_within(0.0, 0)
    (True, False, False)
    """
    return drawn < share_bps / BPS
