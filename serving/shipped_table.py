"""The shipped table as a lender's past: its events, its views' snapshots, its features online.

Comes in: settings of a home. Goes out: what `risk/behaviour_risk.yaml` trains on, in three steps
that the demo does too. A home that has events is refused, for the first step begins anew. Imports
Feast when a step begins: a demo that is set up starts without it.
"""

from __future__ import annotations

import shutil

from finmodel.errors import Refused
from finmodel.progress import Progress
from finmodel.settings import Settings


def take_in(settings: Settings, progress: Progress) -> None:
    """All three steps; Refused where the home has events."""
    if settings.events.exists():
        raise Refused(
            "it has events already",
            where=str(settings.events),
            remedy="give the example a home of its own: FINMODEL_HOME=…",
        )
    settings.make_home()
    for step in (lay_history, build_views, bring_online):
        step(settings, progress)


def lay_history(settings: Settings, progress: Progress) -> None:
    """The table's events into the event log."""
    from feature_store.event_log import FileEventLog, append_all
    from finmodel.lender.credit_default import history, load

    shutil.rmtree(settings.events, ignore_errors=True)  # an earlier try that was cut short
    events = list(history(load()))
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, events, progress, len(events))


def build_views(settings: Settings, progress: Progress) -> None:
    """Snapshots of the views, and the attributes that are there for audits."""
    from feature_store.event_log import FileEventLog
    from feature_store.history import build, write_profile
    from finmodel.lender.credit_default import audit_attributes, load

    with FileEventLog(settings.events) as log:
        build(settings, log, progress=progress)
    write_profile(settings, audit_attributes(load()))


def bring_online(settings: Settings, progress: Progress) -> None:
    """Each customer's latest values into the online store."""
    from feature_store.store import apply, materialize

    apply(settings)
    materialize(settings, settings.clock.now(), progress=progress)
