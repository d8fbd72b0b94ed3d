"""The report that is kept with a version in MLflow.

A name and a version come in, its report goes out. Nothing is computed again.
"""

from __future__ import annotations

import msgspec

from finmodel import tracking
from finmodel.errors import BadInput, NotFound
from finmodel.settings import Settings
from risk.report.record import REPORT_FILE, Report


def load_report(settings: Settings, name: str, version: int | None) -> tuple[int, Report]:
    """The report of a version, the newest if none is named, and that version's number."""
    newest = tracking.version_of(settings, name, version)
    where = f"{name} version {newest.version}"
    if REPORT_FILE not in tracking.files(settings, newest.run_id):
        raise NotFound(
            "no report was kept with it", where=where, remedy="train it by its recipe again"
        )
    try:
        kept = tracking.kept(settings, newest.run_id, REPORT_FILE)
        return newest.version, msgspec.json.decode(kept, type=Report)
    except msgspec.DecodeError as error:
        raise BadInput(
            f"its report cannot be read ({error})", where=where, remedy="train it again"
        ) from error
