"""What was kept when a version was trained, for whoever looks at what became of its decisions.

A run's id comes in, its reference goes out, or None.
"""

from __future__ import annotations

from contextlib import suppress

from finmodel import tracking
from finmodel.errors import FinmodelError
from finmodel.settings import Settings
from risk.monitor.reference import FILE, Reference, read_reference


def kept_reference(settings: Settings, run: str) -> Reference | None:
    """The reference of a run; None for models of before references, or of another registry."""
    with suppress(FinmodelError):
        return read_reference(tracking.kept(settings, run, FILE), f"run {run}: {FILE}")
    return None
