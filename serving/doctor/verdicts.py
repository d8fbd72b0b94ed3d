"""Agents' verdicts that are kept and not in the event log yet: whether they wait too long.

The book of suggestions comes in, read only; a finding goes out. Asks no log and no broker.
"""

from __future__ import annotations

import shlex
from contextlib import closing
from datetime import datetime
from typing import Final

from finmodel.settings import Settings
from finmodel.sqlite_errors import read_only, typed
from serving.doctor.finding import Finding, span, warned, well

AT: Final = "verdicts"
LONG_S: Final = 600.0
"""The service tries every five seconds; a long write of another process holds it up for minutes."""
_PATIENCE_S: Final = 2.0
_THERE: Final = "SELECT count(*) FROM sqlite_master WHERE name = 'to_log'"
_WAIT: Final = "SELECT count(*), min(at) FROM to_log JOIN verdict USING (shown)"


def verdicts(settings: Settings) -> list[Finding]:
    """How many wait, and since when."""
    path = settings.suggestions
    if not path.exists():
        return [well(AT, "none was given here")]
    with typed(path), closing(read_only(path, _PATIENCE_S)) as book:
        (there,) = book.execute(_THERE).fetchone()  # an earlier release made none
        count, since = book.execute(_WAIT).fetchone() if there else (0, "")
    if not count:
        return [well(AT, "none waits for the event log")]
    age = settings.clock.now() - datetime.fromisoformat(since)
    look = f"grep 'verdicts wait' {shlex.quote(str(settings.home / 'assist.log'))}"
    return [judged(count, age.total_seconds(), look)]


def judged(count: int, age_s: float, look: str) -> Finding:
    """A finding about so many that wait, the oldest for so long.

    >>> judged(3, 7200.0, "grep verdicts assist.log").says
    'waiting for the event log: 3, the oldest for 2 hours'
    """
    says = f"waiting for the event log: {count}, the oldest for {span(max(age_s, 0.0))}"
    return warned(AT, says, look) if age_s >= LONG_S else well(AT, says)
