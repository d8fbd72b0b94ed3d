"""`finmodel outcomes load`: what became of applications, joined to the log's decisions.

A file comes in; rows that hold are kept and the act is recorded in the audit log; rows that do not
are told with their number and reason. Loading a file again changes nothing.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from finmodel import outcome_files
from finmodel.acts import audited
from finmodel.audit_side import pieces_of, segments_of
from finmodel.clock import micros
from finmodel.decision_log import APPLICATION, LAYOUT
from finmodel.errors import BadInput
from finmodel.outcomes import DecidedOn, Outcomes, judge
from finmodel.progress import Progress, silent
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.table_files import is_csv, lines_of, read_table
from finmodel.vault import Vault
from risk.monitor.outcome_file import TEXT, Read, read_outcomes

SHOWN = 1000
"""So many refused rows are told one by one; the others are counted."""
LOADERS = frozenset({"analyst", "engineer"})


@dataclass(frozen=True, slots=True)
class NotUsed:
    """A row that was not used."""

    row: int
    """Counted from 1, header and blank lines not counted."""
    line: int | None
    """Of a CSV, as a person counts: the header's is 1, blank ones count. None of a Parquet file."""
    application_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was done with a file."""

    rows: int
    new: int
    known: int
    """Rows that were kept before, the very same."""
    refused: int
    not_used: list[NotUsed]
    """The refused rows, up to a thousand of them."""
    kept_in: str


@dataclass(frozen=True, slots=True)
class Written:
    """How a CSV is written."""

    separator: str = ","
    encoding: str = "utf-8-sig"

    @classmethod
    def told(cls, separator: str, encoding: str) -> Self:
        """As a shell says it, where a tab is hard to type: `\\t` is one, too."""
        sign = "\t" if separator == r"\t" else separator
        if len(sign) != 1:
            raise BadInput(
                f"{separator!r} is not one character",
                where="--separator",
                remedy=r"give one, such as ';' or '\t'",
            )
        return cls(sign, encoding)


AS_USUAL = Written()


def load_outcomes(
    settings: Settings,
    file: Path,
    person: Person,
    progress: Progress = silent,
    written: Written = AS_USUAL,
) -> Loaded:
    """Load a CSV or Parquet file of outcomes; BadInput where it lacks a column."""
    read = read_outcomes(read_table(file, TEXT, written.separator, written.encoding), str(file))
    with closing(Vault(settings.vault)) as vault:
        stand_ins = np.array(vault.stand_ins(read.application_id), np.int64)
    told = Outcomes(stand_ins, read.observed_us, read.bad, read.dpd, read.fpd)
    rows = np.setdiff1d(np.arange(len(told)), np.fromiter(read.refused, np.int64))
    decided = decided_on(settings.audit, progress)
    before = outcome_files.kept_in(settings.outcomes)
    judged = judge(told.only(rows), before, decided, micros(settings.clock.now()))
    path = outcome_files.keep(settings.outcomes, told.only(rows[judged.new]))
    refused = read.refused | {int(rows[row]): why for row, why in judged.refused.items()}
    loaded = Loaded(
        rows=len(read.application_id),
        new=len(judged.new),
        known=judged.known,
        refused=len(refused),
        not_used=_not_used(read, refused, file, written),
        kept_in="" if path is None else path.name,
    )
    if path is not None:
        facts = {"file": path.name, "by": person.name, "new": loaded.new, "refused": loaded.refused}
        audited(settings, "outcomes_loaded", facts)
    return loaded


def decided_on(folder: Path, progress: Progress = silent) -> DecidedOn:
    """Every application that the log has a decision on."""
    applications, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    numbers = segments_of(folder)
    for done, number in enumerate(numbers, start=1):
        for piece in pieces_of(folder, number, LAYOUT, only=(APPLICATION,)):
            if APPLICATION in piece.columns:
                applications.append(piece.columns[APPLICATION])
                times.append(piece.columns["time_us"])
        progress("segments of the audit log read", done, len(numbers))
    return DecidedOn.of(np.concatenate(applications), np.concatenate(times))


def _not_used(read: Read, refused: dict[int, str], file: Path, written: Written) -> list[NotUsed]:
    shown = sorted(refused)[:SHOWN]
    lines = []
    if shown and is_csv(file):
        lines = lines_of(file, written.separator, written.encoding)
    return [
        NotUsed(
            row=row + 1,
            line=lines[row] if row < len(lines) else None,
            application_id=read.application_id[row],
            reason=refused[row],
        )
        for row in shown
    ]


def require_some(loaded: Loaded, file: Path) -> None:
    """BadInput where no row of the file is kept, now or before."""
    if loaded.refused and not loaded.new + loaded.known:
        raise BadInput(
            f"none of its {loaded.rows:,} rows could be used",
            where=str(file),
            remedy="mend them: each has its reason above",
        )
