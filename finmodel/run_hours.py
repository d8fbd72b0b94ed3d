"""Hours that a run takes, in every life that it has, unless it keeps an account of its own.

Names of figures that the run logged come in, hours go out. Counted are the processor's seconds of
this process and of whatever it started and waited for. Knows no MLflow and no price.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Mapping
from typing import Final

CORE: Final = "core_hours"
GPU: Final = "gpu_hours"
_HOUR_S: Final = 3_600.0


def processor_s() -> float:
    """Seconds that all threads of this process and its ended children were on a processor.

    >>> before = processor_s()
    >>> processor_s() >= before > 0
    True
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class RunHours:
    """What one life of a run takes."""

    def __init__(self, since: float | None = None) -> None:
        """`since` is `processor_s()` when its work began; now, where it is not given."""
        self._since = processor_s() if since is None else since
        self._told: set[str] = set()
        self._own: Callable[[], Mapping[str, float]] | None = None

    def note(self, names: Iterable[str]) -> None:
        """The run logged figures of these names: what it says of its hours stands."""
        self._told.update(names)

    def count_by(self, own: Callable[[], Mapping[str, float]]) -> None:
        """Ask this account, over all lives, where the run ends before it has told its hours."""
        self._own = own

    def untold(self, known: Mapping[str, float]) -> dict[str, float]:
        """Hours that are still to be logged; `known` is what the run has logged in all its lives.

        A life adds to those before it. On a GPU the processor's seconds are not what it costs.

        >>> RunHours(since=processor_s() - 3_600).untold({"core_hours": 2.0})["core_hours"] >= 3.0
        True
        >>> RunHours().untold({"gpu_hours": 2.0})
        {}
        """
        if self._told & {CORE, GPU}:
            return {}
        if self._own is not None:
            return dict(self._own())
        if GPU in known:
            return {}
        return {CORE: known.get(CORE, 0.0) + (processor_s() - self._since) / _HOUR_S}
