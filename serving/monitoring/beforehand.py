"""What the page asks first is computed where a lender's past was loaded, so that it opens at once.

Models whose decisions were imported come in; their usual results are kept, as the page's own worker
keeps them. Whoever asks for another window waits for it as always.
"""

from __future__ import annotations

from contextlib import suppress

from finmodel.decision_series import Series, imported_versions
from finmodel.errors import FinmodelError
from finmodel.progress import Progress
from finmodel.settings import Settings
from serving.monitoring.asked import Question
from serving.monitoring.worker import compute


def compute_usual(settings: Settings, progress: Progress) -> None:
    """Compute the usual question of each model that has imported decisions.

    What cannot be computed now is said by the page, when it is asked.
    """
    models = sorted(imported_versions(Series(settings.audit, settings.imported)))
    for done, model in enumerate(models, start=1):
        with suppress(FinmodelError, OSError):
            compute(settings, Question(model=model))
        progress("monitoring computed", done, len(models))
