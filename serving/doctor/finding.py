"""What a check says: where it looked, how it stands there, one sentence, and a command to type.

Pure records. Nothing here looks at anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["ok", "warning", "wrong"]
ORDER: Final[tuple[State, ...]] = ("wrong", "warning", "ok")
"""As a person reads them."""
LOOK_CLOSER: Final = 4
"""The exit code where something is wrong: a person must look, as for all that is Damaged."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    at: str
    state: State
    says: str
    remedy: str = ""
    """A command to type; empty where nothing is to be done."""


class Report(msgspec.Struct, frozen=True):
    """All that was found, the worst first."""

    wrong: int
    warnings: int
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong; warnings are no fault."""
        return LOOK_CLOSER if self.wrong else 0


def well(at: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(at, "ok", says)


def warned(at: str, says: str, remedy: str) -> Finding:
    """It holds, but not for long, or not for all."""
    return Finding(at, "warning", says, remedy)


def wrong(at: str, says: str, remedy: str) -> Finding:
    """It does not hold."""
    return Finding(at, "wrong", says, remedy)


def report_of(findings: Iterable[Finding]) -> Report:
    """Findings in order, counted.

    >>> found = report_of([well("disk", "it has room"), wrong("people", "none", "finmodel people")])
    >>> [one.at for one in found.findings], found.wrong, found.exit_code
    (['people', 'disk'], 1, 4)
    """
    every = sorted(findings, key=lambda one: ORDER.index(one.state))
    states = [one.state for one in every]
    return Report(states.count("wrong"), states.count("warning"), tuple(every))


def size(number: float) -> str:
    """Bytes for people.

    >>> size(512), size(3 * 2**20), size(2.5 * 2**30)
    ('512 B', '3.0 MiB', '2.5 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def span(time: timedelta | float) -> str:
    """How long, for people, of a time or of seconds.

    >>> span(30), span(timedelta(minutes=5)), span(7200), span(timedelta(days=46, hours=3))
    ('30 s', '5 minutes', '2 hours', '46 days')
    """
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    for name, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"
