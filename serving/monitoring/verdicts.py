"""People's last verdicts on a model's decisions, as monitoring joins them to its columns.

Settings and a version come in, verdicts with their decisions' places go out. They are read from the
book of cases, after it was brought up to the audit log: a book that is behind, or was lost, would
hide what people said.
"""

from __future__ import annotations

from contextlib import closing

from finmodel.audit_format import parse_id
from finmodel.audit_segments import MARK_NAME
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.monitor.overrides import Judged
from risk.underwriting.book import CaseBook
from serving.underwriting.catching_up import catch_up


def verdicts_of(settings: Settings, model: str, version: int) -> tuple[Judged, ...]:
    """The verdicts on decisions of one version, the oldest decision first."""
    has_log = (settings.audit / MARK_NAME).exists()
    if not (has_log or settings.underwriting.exists()):
        return ()
    with closing(CaseBook(settings.underwriting)) as book:
        if has_log:
            with closing(Vault(settings.vault)) as vault, book.writing():
                catch_up(book, settings, vault)
        cases = book.judged()
    return tuple(
        Judged(_place(one.about.decision), one.final.verdict, one.about.says, one.final.code)
        for one in cases
        if one.final is not None and (one.about.model, one.about.version) == (model, version)
    )


def _place(decision: str) -> int:
    segment, at, _ = parse_id(decision)
    return (segment << 32) + at
