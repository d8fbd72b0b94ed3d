"""Who moves which alias, from the command line: the person signed in, a version, and the registry.

The rules (a passed gate, a second person) stand in the registry; here they meet a key and a recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finmodel import registry
from finmodel.records import Person
from finmodel.settings import Settings
from serving.access import signed_in
from serving.screen import Progress


def promote(
    settings: Settings,
    name: str,
    version: int | None,
    to: str,
    recipe: Path | None,
    progress: Progress,
) -> Any:
    """Move an alias to a version, approved by the validator whose key is set."""
    return promote_as(signed_in(settings, {"validator"}), settings, name, version, to)


def promote_as(
    approver: Person, settings: Settings, name: str, version: int | None, to: str
) -> Any:
    """Move an alias to a version, approved by this person."""
    return registry.promote(settings, name, version, to=to, approver=approver)


def rollback(settings: Settings, name: str, reason: str) -> Any:
    """Serve the previous champion again, in the name of the validator whose key is set."""
    return registry.rollback(settings, name, signed_in(settings, {"validator"}), reason)


def overview(settings: Settings) -> Any:
    """Versions with alias, gate and drift."""
    return registry.versions(settings)
