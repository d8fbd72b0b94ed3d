"""The process that computes monitoring, so that decisions beside it are not late.

Started by `serving.monitoring.room`. A question a line comes in on standard input, lines of
progress and one of the end go out on standard output; the result is kept as a file. It ends with
its input.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO

import msgspec

from finmodel.clock import SystemClock
from finmodel.errors import FinmodelError
from finmodel.progress import Progress, silent
from finmodel.settings import Settings
from risk.monitor.assembly import followed_of, monitor
from risk.monitor.periods import require_possible
from risk.monitor.points import columns_of, variables_of
from serving.monitoring.asked import Doing, Question, Told
from serving.monitoring.kept import Result, keep, marks_of
from serving.monitoring.reading import Wanted, read
from serving.refusals import Problem

BESIDE = 10
"""How nice it is to whoever decides."""
TOLD_EVERY_S = 0.2


@dataclass
class Teller:
    """`Progress` as lines, not too many of them."""

    out: BinaryIO
    last: float = field(default=0.0)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say how far it is, unless it was said just now."""
        now = time.monotonic()
        if now - self.last > TOLD_EVERY_S:
            self.last = now
            say(self.out, Told(doing=Doing(what, done, total)))


def compute(settings: Settings, question: Question, progress: Progress = silent) -> None:
    """Compute a question's panels, and keep them with the columns behind their points."""
    began, marks = time.monotonic(), marks_of(settings, question.model)
    seen = read(settings, wanted(question, settings.clock.now()), progress)
    progress("panels", 0, 1)
    followed = followed_of(seen)
    result = Result(
        question=question,
        panels=monitor(seen, followed),
        version=seen.asked.version,
        edges_us=seen.asked.edges_us,
        periods=seen.periods,
        segments=dict(seen.scanned.segments),
        marks=marks,
        # When it was computed is asked of the world, where a demo's clock stands still.
        computed_at=SystemClock().now(),
        seconds=time.monotonic() - began,
        folder="",
    )
    keep(settings, result, columns_of(seen, followed), variables_of(seen))


def wanted(question: Question, now: datetime) -> Wanted:
    """The same as `finmodel monitor` takes it; BadInput for times that are none of ours."""
    require_possible(question.start, question.end)
    # What was decided just now counts too: a window reaches up to, and not including, its end.
    end = question.end or now + timedelta(microseconds=1)
    return Wanted(
        model=question.model,
        version=question.version,
        start=question.start or end - timedelta(weeks=question.weeks),
        end=end,
        by=question.by,
        segment=question.segment.facts,
        window_days=question.window_days,
        bad_dpd=question.bad_dpd,
    )


def say(out: BinaryIO, told: Told) -> None:
    """One line."""
    out.write(msgspec.json.encode(told) + b"\n")
    out.flush()


def main() -> None:
    """Answer questions until there are no more."""
    os.nice(BESIDE)
    # Whatever a library prints must not stand among our lines.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    settings = Settings.from_env()
    for line in sys.stdin.buffer:
        question = msgspec.json.decode(line, type=Question)
        try:
            compute(settings, question, Teller(out))
        except FinmodelError as error:
            problem = Problem(error.code, error.what, error.where, error.remedy)
            say(out, Told(problem=problem, ended=True))
        else:
            say(out, Told(ended=True))


if __name__ == "__main__":
    main()
