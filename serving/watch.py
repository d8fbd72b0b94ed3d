"""Watches MLflow's aliases for moves made outside the gate.

An alias moved by hand changes nothing that is served; it is written into the audit log once, and
into a small status file that the console shows. MLflow is imported here, never in the service.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from finmodel.acts import audited
from finmodel.durable import replace_file
from finmodel.errors import FinmodelError
from finmodel.registry import alias_drift
from finmodel.settings import Settings

EVERY_SECONDS = 15.0
SETTLE_SECONDS = 10.0
"""A promotion moves the pointer and then the alias: what is gone by then was only on its way."""

Moved: TypeAlias = list[dict[str, Any]]
log = logging.getLogger(__name__)


def watch_aliases(settings: Settings, stop: threading.Event, every: float = EVERY_SECONDS) -> None:
    """Look until told to stop; a registry that does not answer is asked again."""
    while not stop.is_set():
        try:
            _look(settings, stop)
        except FinmodelError as error:
            log.warning("aliases cannot be compared: %s", error)
        stop.wait(every)


def status_file(settings: Settings) -> Path:
    """Where the aliases that were moved by hand are told to the service."""
    return settings.home / "alias_status.json"


def _look(settings: Settings, stop: threading.Event) -> None:
    moved = _moved(settings)
    if moved == _recorded(settings) or stop.wait(SETTLE_SECONDS) or moved != _moved(settings):
        return
    if moved:
        audited(settings, "alias_moved", {"moved": moved})
    replace_file(status_file(settings), msgspec.json.encode({"moved": moved}))


def _moved(settings: Settings) -> Moved:
    return [asdict(drift) for drift in alias_drift(settings)]


def _recorded(settings: Settings) -> Moved | None:
    """What was recorded last, before a restart too."""
    try:
        said = msgspec.json.decode(status_file(settings).read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):  # never yet, or not by us
        return None
    return said.get("moved") if isinstance(said, dict) else None
