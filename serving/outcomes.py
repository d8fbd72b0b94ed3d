"""`finmodel outcomes load`: what became of applications, joined to the log's decisions.

A file comes in; rows that hold are kept and the act is recorded in the audit log; rows that do not
are told with their number and reason. Loading a file again changes nothing.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finmodel import outcome_files
from finmodel.acts import audited
from finmodel.audit_side import pieces_of, segments_of
from finmodel.clock import micros
from finmodel.decision_log import APPLICATION, LAYOUT
from finmodel.outcomes import DecidedOn, Judged, Outcomes, judge
from finmodel.progress import Progress, silent
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.vault import Vault
from risk.frames.file import read_table
from risk.monitor.outcome_file import TEXT, Read, read_outcomes

SHOWN = 1000
"""So many refused rows are told one by one; the others are counted."""
LOADERS = frozenset({"analyst", "engineer"})


@dataclass(frozen=True, slots=True)
class NotUsed:
    """A row that was not used."""

    row: int
    """Counted from 1, the header not counted."""
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


def load_outcomes(
    settings: Settings, file: Path, person: Person, progress: Progress = silent
) -> Loaded:
    """Load a CSV or Parquet file of outcomes; BadInput where it lacks a column."""
    read = read_outcomes(read_table(file, TEXT, ",", "utf-8-sig"), str(file))
    with closing(Vault(settings.vault)) as vault:
        stand_ins = np.array(vault.stand_ins(read.application_id), np.int64)
    told = Outcomes(stand_ins, read.observed_us, read.bad, read.dpd, read.fpd)
    rows = np.setdiff1d(np.arange(len(told)), np.fromiter(read.refused, np.int64))
    decided = decided_on(settings.audit, progress)
    before = outcome_files.kept_in(settings.outcomes)
    judged = judge(told.only(rows), before, decided, micros(settings.clock.now()))
    path = outcome_files.keep(settings.outcomes, told.only(rows[judged.new]))
    loaded = _loaded(read, rows, judged, path)
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


def _loaded(read: Read, rows: np.ndarray, judged: Judged, path: Path | None) -> Loaded:
    refused = read.refused | {int(rows[row]): why for row, why in judged.refused.items()}
    return Loaded(
        rows=len(read.application_id),
        new=len(judged.new),
        known=judged.known,
        refused=len(refused),
        not_used=[
            NotUsed(row + 1, read.application_id[row], refused[row])
            for row in sorted(refused)[:SHOWN]
        ],
        kept_in="" if path is None else path.name,
    )
