"""What became of logged decisions, whichever of the log's are asked about."""

from datetime import timedelta
from types import SimpleNamespace

import numpy as np

from finmodel import outcome_files
from finmodel.audit import scan
from finmodel.clock import micros, parse_time
from finmodel.outcomes import Outcomes
from finmodel.settings import Settings
from risk.monitor.followed import Window
from serving.matured import matured
from tests.risk.logged_decisions import Decided, at_us, log_decisions, stand_in_of

START = parse_time("2026-01-01T00:00:00+08:00")


def test_what_was_decided_again_has_no_outcome_in_a_span_that_ends_before(tmp_path):
    """Fifty applications, and forty of them again after 14 days."""
    now = START + timedelta(days=300)
    settings = Settings(home=tmp_path, data=tmp_path, standing_clock=now.isoformat())
    settings.make_home()
    day = np.arange(50) / 5
    first, again = (
        Decided(day=at, raw=np.full(len(at), -2.0), vector=np.zeros((len(at), 3)))
        for at in (day, day[:40] + 14)
    )
    log_decisions(settings, START, [first, again])
    who, bad = stand_in_of(settings, first.applications), np.arange(50) % 5 == 0
    nothing = np.full(50, -1)
    dpd = np.where(bad, 200, 0).astype(np.int32)
    seen = Outcomes(who, at_us(START, np.full(50, 240)), nothing.astype(np.int8), dpd, nothing)
    outcome_files.keep(settings.outcomes, seen, lambda _: None)
    rows = [SimpleNamespace(entry=entry) for entry in scan(settings.audit, "decision")]
    before, after, once = rows[:50], rows[50:], rows[40:50]
    window = Window(micros(now))
    whole = matured(settings, rows, window)
    told = [*bad[40:], *bad[:40]]
    assert whole == {one.entry.id: told[n] for n, one in enumerate([*once, *after])}
    assert matured(settings, before, window) == {one.entry.id: whole[one.entry.id] for one in once}
    assert matured(settings, after, window) == {one.entry.id: whole[one.entry.id] for one in after}
