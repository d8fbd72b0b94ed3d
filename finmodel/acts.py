"""Acts of people on the platform: one entry of the audit log each, written as it happens.

A version's tags name the entries about it, so that they are found without walking the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from finmodel.audit import AuditLog
from finmodel.errors import BadInput
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


def require_reason(reason: str, where: str) -> None:
    """BadInput where a person does not say why."""
    if not reason.strip():
        raise BadInput("no reason is given", where=where, remedy="say why")


def audited(settings: Settings, kind: str, body: dict[str, Any]) -> str:
    """Write one entry into the audit log of these settings; its id."""
    with opened_log(settings, settings.audit) as log:
        return log.append(kind, body)


@contextmanager
def opened_log(settings: Settings, folder: Path) -> Iterator[AuditLog]:
    """A log of acts, to be written to: the audit log, or one of its kind."""
    with (
        closing(Vault(settings.vault)) as vault,
        closing(AuditLog(folder, vault, settings.clock)) as log,
    ):
        yield log
