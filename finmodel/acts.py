"""Acts of people on the platform: one entry of the audit log each, written as it happens."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from finmodel.audit import AuditLog
from finmodel.settings import Settings
from finmodel.vault import Vault


def audited(settings: Settings, kind: str, body: dict[str, Any]) -> str:
    """Write one entry into the audit log of these settings; its id."""
    with (
        closing(Vault(settings.vault)) as vault,
        closing(AuditLog(settings.audit, vault, settings.clock)) as log,
    ):
        return log.append(kind, body)
