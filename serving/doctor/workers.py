"""The stream's workers: whether one that should count events has fallen silent.

What each worker told last comes in, findings go out. A worker that a person stopped, and one that
counted up to the log's end, are no finding: they said so. Asks no log, no broker and no process.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from finmodel.settings import Settings
from serving.doctor.finding import Finding, span, warned, well, wrong
from serving.stream_state import ONCE, UNNAMED, WorkerSeen, workers_in

AT: Final = "stream"
QUIET_S: Final = 300.0
"""A worker tells of itself every five seconds between its passes. It says nothing while brokers
elect a leader (seconds) or a store that lost its data is filled again: sixty words that are missing
are no pause any more."""

_WHY: Final = "(it ended, hangs, or waits for the log or the store, as its log says)"


def workers(settings: Settings) -> list[Finding]:
    """What is amiss with the workers that this home knows."""
    return judged(workers_in(settings.streams))


def judged(seen: Sequence[WorkerSeen]) -> list[Finding]:
    """Findings about workers, of whom the latest heard comes first.

    >>> judged(())
    [Finding(at='stream', state='ok', says='no worker has told of itself', remedy='')]
    >>> judged([WorkerSeen("pid-7", 900.0, False, ())])[0].says.partition(" (")[0]
    'worker pid-7 has said nothing for 15 minutes'
    """
    following = [one for one in seen if one.name != ONCE]
    at_work = [one for one in following if _speaks(one)]
    found = [_silent(one, at_work) for one in _missed(following)]
    if found or not following:
        return found or [well(AT, "no worker has told of itself")]
    names = ", ".join(one.name for one in at_work)
    return [well(AT, f"at work: {names}" if names else "its workers were stopped by a person")]


def _speaks(one: WorkerSeen) -> bool:
    return not one.stopped and one.silent_s < QUIET_S


def _missed(following: Sequence[WorkerSeen]) -> Iterator[WorkerSeen]:
    """Who is silent without having stopped.

    A worker without a name of its own has another one after each start: where somebody was heard
    later than it, that may be itself, and its partitions are counted.
    """
    for place, one in enumerate(following):
        if not one.stopped and not _speaks(one) and (place == 0 or not _unnamed(one)):
            yield one


def _silent(one: WorkerSeen, at_work: Sequence[WorkerSeen]) -> Finding:
    says = f"worker {one.name} has said nothing for {span(one.silent_s)} {_WHY}"
    start = "finmodel stream"
    if not _unnamed(one):  # Kafka knows it by this name
        start += f" --kafka BROKERS --instance {shlex.quote(one.name)}"
    if at_work:
        others = ", ".join(other.name for other in at_work)
        return warned(AT, f"{says}, and what it counted is left to {others}", start)
    return wrong(AT, f"{says}, and nobody else counts events: features age", start)


def _unnamed(one: WorkerSeen) -> bool:
    return one.name.startswith(UNNAMED)
