"""What the audit log is told of wrap-ups and tickets: who did what, to which one, due by when.

An act of a person and the tickets that it changes come in, entries are written. What was written
down of a customer, and who they are, is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finmodel.acts import opened_log
from finmodel.audit import AuditLog
from finmodel.settings import Settings
from finmodel.wrap_up_book import Change, WrapUp


def kept(settings: Settings, given: WrapUp, changes: Sequence[Change]) -> None:
    """A wrap-up was written down, and these tickets follow."""
    body = {"by": given.agent, "conversation": given.conversation, "category": given.category}
    with opened_log(settings, settings.audit) as log:
        log.append("wrap_up_kept", body | {"tickets": [one.after.id for one in changes]})
        for one in changes:
            _changed(log, one, given.agent)


def changed(settings: Settings, by: str, changes: Sequence[Change]) -> None:
    """Somebody did something with tickets alone."""
    with opened_log(settings, settings.audit) as log:
        for one in changes:
            _changed(log, one, by)


def _changed(log: AuditLog, one: Change, by: str) -> None:
    before, after = one
    body: dict[str, Any] = {
        "by": by,
        "ticket": after.id,
        "conversation": after.conversation,
        "agent": after.agent,
        "kind": after.kind,
        "due": after.due.isoformat(),
    }
    if before is None:
        log.append("ticket_opened", body | {"is_complex": after.is_complex})
        return
    moved = body | {"due_before": before.due.isoformat()}
    if after.closed is not None:
        log.append("ticket_closed", body)
    elif after.is_complex and not before.is_complex:
        log.append("ticket_extended", moved)
    elif after.due != before.due:
        log.append("ticket_moved", moved)
