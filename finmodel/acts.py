"""Acts of people on the platform: one entry of the audit log each, written as it happens.

A version's tags name the entries about it, so that they are found without walking the log.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from finmodel.audit import AuditLog
from finmodel.settings import Settings
from finmodel.vault import Vault

ACT = "act."
"""Begins a tag of a version: after it the id of an audit entry about it; its value is the kind."""


def act_tag(kind: str, entry: str) -> dict[str, str]:
    """The tag by which a version names an entry about it.

    >>> act_tag("gate", "a000001-00000708-41046fb593d3")
    {'act.a000001-00000708-41046fb593d3': 'gate'}
    """
    return {f"{ACT}{entry}": kind}


def audited(settings: Settings, kind: str, body: dict[str, Any]) -> str:
    """Write one entry into the audit log of these settings; its id."""
    with (
        closing(Vault(settings.vault)) as vault,
        closing(AuditLog(settings.audit, vault, settings.clock)) as log,
    ):
        return log.append(kind, body)
