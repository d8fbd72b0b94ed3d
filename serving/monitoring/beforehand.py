"""What the page asks first is computed where a lender's past was loaded, so that it opens at once.

Models whose decisions were imported come in; the results of their last year, and of the shortest
window on offer that holds all of their past, are kept as the page's own worker keeps them. Whoever
asks for another window waits for it as always.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Final

from finmodel.audit_entries import time_of
from finmodel.decision_series import Series, imported_versions
from finmodel.errors import FinmodelError
from finmodel.progress import Progress
from finmodel.settings import Settings
from serving.monitoring.asked import Question
from serving.monitoring.worker import compute

LENGTHS: Final = (52, 104, 156, 260, 520)
"""Weeks that the page offers (console/monitoring.js), from what it shows first."""


def compute_usual(settings: Settings, progress: Progress) -> None:
    """Compute the usual questions of each model that has imported decisions.

    What cannot be computed now is said by the page, when it is asked.
    """
    series = Series(settings.audit, settings.imported)
    asked = [
        Question(model=model, weeks=weeks)
        for model in sorted(imported_versions(series))
        for weeks in sorted({LENGTHS[0], _whole(settings, series, model)})
    ]
    for done, question in enumerate(asked, start=1):
        with suppress(FinmodelError, OSError):
            compute(settings, question)
        progress("monitoring computed", done, len(asked))


def _whole(settings: Settings, series: Series, model: str) -> int:
    """Weeks of the shortest window on offer that holds every imported decision of a model."""
    first_us = min(
        load.begins_us[0]
        for load in series.loads
        if any(body["model"] == model for body in load.meaning.bodies.values())
    )
    past = settings.clock.now() - time_of(first_us)
    return next((weeks for weeks in LENGTHS if timedelta(weeks=weeks) >= past), LENGTHS[-1])
