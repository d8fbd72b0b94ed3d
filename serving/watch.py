"""Watches MLflow's aliases for moves made outside the gate.

An alias moved by hand changes nothing that is served; it is written into the audit log once, and
into a small status file that the console shows. MLflow is imported here, never in the service.
"""

from __future__ import annotations

import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from finmodel.audit import AuditLog
from finmodel.registry import alias_drift
from finmodel.settings import Settings
from finmodel.vault import Vault

EVERY_SECONDS = 15.0


def watch_aliases(settings: Settings, stop: threading.Event) -> None:
    """Look until told to stop."""
    seen: list[dict[str, Any]] | None = None
    while not stop.is_set():
        seen = look_once(settings, seen)
        stop.wait(EVERY_SECONDS)


def look_once(settings: Settings, before: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Compare once; record what differs from last time; give back what is seen now."""
    moved = [asdict(drift) for drift in alias_drift(settings)]
    if moved == before:
        return moved
    _write(settings.home / "alias_status.json", moved)
    if moved:
        log = AuditLog(settings.audit, Vault(settings.vault), settings.clock)
        try:
            log.append("alias_moved", {"moved": moved})
        finally:
            log.close()
    return moved


def _write(path: Path, moved: list[dict[str, Any]]) -> None:
    aside = path.with_suffix(".tmp")
    aside.write_bytes(msgspec.json.encode({"moved": moved}))
    os.replace(aside, path)
