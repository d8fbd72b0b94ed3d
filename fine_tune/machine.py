"""What this machine multiplies fastest, found by trying.

Nothing comes in; a dtype goes out. Some CPUs make a bfloat16 product three hundred times slower
than a float32 one, and no library says so.
"""

from __future__ import annotations

import time

import torch


def fastest_dtype(side: int = 512) -> torch.dtype:
    """float32, or bfloat16 where its products take less time."""
    if torch.cuda.is_available():
        return torch.bfloat16
    return min((torch.float32, torch.bfloat16), key=lambda dtype: _seconds(dtype, side))


def _seconds(dtype: torch.dtype, side: int) -> float:
    left, right = (torch.ones(side, side, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - begun)
    return best
