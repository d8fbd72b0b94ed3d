"""How much memory this machine can still give, asked before work that would take more.

Nothing comes in, bytes go out: what Linux says is available, within a container's limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MEMINFO: Final = Path("/proc/meminfo")
_GROUP: Final = Path("/sys/fs/cgroup")
_NO_LIMIT: Final = 1 << 60
"""More than any machine has."""


def available_memory() -> int:
    """Bytes that this process may still take.

    >>> 0 < available_memory() < 1 << 60
    True
    """
    for line in _MEMINFO.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return min(int(line.split()[1]) << 10, _left_of_group())
    return _left_of_group()


def _left_of_group() -> int:
    """What a container's limit leaves."""
    try:
        most = (_GROUP / "memory.max").read_text().strip()
        taken = int((_GROUP / "memory.current").read_text())
    except OSError:  # no control groups of the second kind here
        return _NO_LIMIT
    return _NO_LIMIT if most == "max" else int(most) - taken
