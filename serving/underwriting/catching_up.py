"""The book of cases brought up to what the audit log says, from nothing if need be.

A book within its transaction comes in, and holds what the log holds goes out. From which time on
referred decisions enter is said in the log too, so that a book that was lost is filled whole.
Whose acts they are, and what may be done with a case, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from finmodel.audit_segments import read_mark
from finmodel.audit_since import BEGINNING, Place, entries_since, segments_since
from finmodel.clock import micros
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.underwriting.book import ACT, CaseBook
from risk.underwriting.case import Act
from serving.underwriting.entering import about_of, decision_of, referred

BEGUN: Final = "cases_begun"
"""The kind of the entry that says from when on referred decisions enter."""
_ENTERS_FOR_US: Final = 30 * 86_400_000_000
"""A decision that was referred longer before the queue was begun does not enter by itself."""


def catch_up(
    book: CaseBook,
    settings: Settings,
    vault: Vault,
    begin: Callable[[int], None] | None = None,
) -> None:
    """Count what the log holds by now.

    `begin` writes down from when on decisions enter; without it a queue that nobody has begun
    stays empty.
    """
    mark = read_mark(settings.audit)
    before, end, since = book.place(mark.log), Place(mark.number, mark.end), book.since()
    if before == end and (since is not None or begin is None):
        return
    if since is None:
        before, since = BEGINNING, _begun(book, settings, before, begin)
    if since is not None:
        _count(book, settings, vault, (before, since))
    book.move(mark.log, end)  # looked through for nothing, too: it is not looked through again


def _count(book: CaseBook, settings: Settings, vault: Vault, behind: tuple[Place, int]) -> None:
    """Count what the log holds behind a place, and decisions that were referred since a time."""
    before, since = behind
    # Acts first, each whole by itself: then only what still waits has to be worked out.
    for new in segments_since(settings.audit, before):
        for entry in entries_since(settings.audit, ACT, new):
            book.take(msgspec.convert(entry.body, Act), entry.id, entry.time_us)
    for new in segments_since(settings.audit, before):
        for decision in referred(settings.audit, new, since):
            if book.known(decision) is None:
                book.enter(about_of(decision_of(settings, vault, decision), "refer", settings))


def _begun(
    book: CaseBook, settings: Settings, before: Place, begin: Callable[[int], None] | None
) -> int | None:
    """From which time on decisions enter a queue that is begun: as the log says, or from now on."""
    since = _said(settings, before)
    if since is None and begin is not None:
        since = micros(settings.clock.now()) - _ENTERS_FOR_US
        begin(since)
    if since is not None:
        book.begin(since)
    return since


def _said(settings: Settings, before: Place) -> int | None:
    """What the log says of it behind a place; None where nobody has begun a queue."""
    for new in segments_since(settings.audit, before):
        # A queue from before this was written down is as old as the first act in it.
        for kind in (BEGUN, ACT):
            for entry in entries_since(settings.audit, kind, new):
                return int(entry.body.get("since_us", entry.time_us - _ENTERS_FOR_US))
    return None
