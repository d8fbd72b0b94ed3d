"""What this machine can do, found by trying: its dtype, its products a second, its memory.

A device comes in; numbers go out. Some CPUs make a bfloat16 product three hundred times slower
than a float32 one, and no library says so.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from types import TracebackType
from typing import Final

import torch

from finmodel.memory import available_memory

_STATUS: Final = Path("/proc/self/status")
_FORGET_PEAK: Final = Path("/proc/self/clear_refs")
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""mallopt's numbers for them (malloc.h)."""


def best_device() -> torch.device:
    """The GPU that is this process's own, or the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def fastest_dtype(side: int = 512) -> torch.dtype:
    """float32, or bfloat16 where its products take less time."""
    if torch.cuda.is_available():
        return torch.bfloat16
    return min(
        (torch.float32, torch.bfloat16),
        key=lambda dtype: _seconds(dtype, side, torch.device("cpu")),
    )


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Floating-point operations a second in a large product: what utilisation is a share of."""
    side = 8192 if device.type == "cuda" else 1536
    return 2.0 * side**3 / _seconds(dtype, side, device)


def _seconds(dtype: torch.dtype, side: int, device: torch.device) -> float:
    left, right = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begun)
    return best


def free_memory(device: torch.device) -> int:
    """Bytes that this process may still take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + idle)
    return available_memory()


def taken_memory(device: torch.device) -> int:
    """Bytes that this process holds: resident, or allocated on a GPU."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return _status("VmRSS")


def give_back_freed_memory() -> None:
    """Have the C library return every large block to the system as soon as it is freed.

    As it comes, glibc keeps blocks of up to 32 MiB for later: a step then holds twice what it
    needs, since tensors of many sizes seldom fit each other's place. Elsewhere nothing is done.
    """
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:  # another C library, whose habits are its own
        return
    library.mallopt(_MMAP_THRESHOLD, 1 << 20)
    library.mallopt(_TRIM_THRESHOLD, 16 << 20)


class Peak:
    """The most memory that was held inside a `with`: `bytes`, once it is over."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.bytes = 0

    def __enter__(self) -> Peak:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            _FORGET_PEAK.write_text("5")  # the kernel's word for: forget the peak so far
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bytes = self.so_far()

    def so_far(self) -> int:
        """The most since the `with` began."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        return _status("VmHWM")


def _status(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    return 0
