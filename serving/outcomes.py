"""`finmodel outcomes load`: what became of applications, joined to decisions, ours or imported.

A file comes in; rows that hold are kept and the act is recorded in the audit log; rows that do not
are listed with their number and reason. Loading a file again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finmodel import outcome_files
from finmodel.acts import audited
from finmodel.audit_segments import MARK_NAME
from finmodel.clock import micros
from finmodel.decision_log import APPLICATION
from finmodel.decision_series import Series
from finmodel.durable import held_alone, make_folder
from finmodel.errors import BadInput, NotReady
from finmodel.months import Months
from finmodel.outcomes import DecidedOn, Outcomes, judge, left_of
from finmodel.progress import Progress, silent
from finmodel.records import Int64s, Person
from finmodel.settings import Settings
from finmodel.table_files import is_csv, read_table
from finmodel.vault import Vault
from risk.brought.mapping import OUR_OUTCOMES, Mapping, load_mapping
from risk.monitor.outcome_file import Read, read_outcomes, text_of
from serving.not_used import (
    NOT_SAID,
    PLAINLY,
    SHOWN,
    Asked,
    NotUsed,
    Written,
    list_beside,
    not_used,
    said_of,
)

LOADERS = frozenset({"analyst", "engineer"})
HOME_ZONE = "Asia/Shanghai"
"""Where months begin, if the mapping does not say."""


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
    not_used_in: str = ""
    """The CSV that lists all refused rows."""
    said: str = ""


def load_outcomes(
    settings: Settings,
    file: Path,
    person: Person,
    progress: Progress = silent,
    written: Written = NOT_SAID,
    asked: Asked = PLAINLY,
) -> Loaded:
    """Load a CSV or Parquet file of outcomes; BadInput where it lacks a column."""
    mapping, written = mapping_of(asked, written)
    read = _read(file, mapping, written)
    with closing(Vault(settings.vault)) as vault:
        stand_ins = np.array(vault.stand_ins(read.application_id), np.int64)
    # An erasure must not give an application another number between the two.
    with alone(settings.imported, asked.dry_run):
        decided = decided_on(Series(settings.audit, settings.imported), progress)
        observed = _observed(read, stand_ins, decided, mapping)
        told = Outcomes(stand_ins, observed, read.bad, read.dpd, read.fpd)
        rows = np.flatnonzero(left_of(read.refused, len(told)))
        before = outcome_files.kept_in(settings.outcomes)
        judged = judge(told.only(rows), before, decided, micros(settings.clock.now()))
        refused = read.refused | {int(rows[row]): why for row, why in judged.refused.items()}
        left_out = not_used(refused, file, written, read.application_id)
        listed = list_beside(left_out, file, asked)
        path = None
        if not asked.dry_run:
            facts = {"by": person.name, "new": len(judged.new), "refused": len(refused)}
            path = _keep(settings, told.only(rows[judged.new]), facts, progress)
    return Loaded(
        rows=len(read.application_id),
        new=len(judged.new),
        known=judged.known,
        refused=len(refused),
        not_used=left_out[:SHOWN],
        kept_in="" if path is None else path.name,
        not_used_in=listed,
        said=said_of(len(judged.new), judged.known, asked),
    )


def mapping_of(asked: Asked, written: Written) -> tuple[Mapping, Written]:
    """The mapping, and how the file is written: as the shell says, else as the mapping does."""
    mapping = Mapping(outcomes=OUR_OUTCOMES)
    if asked.mapping is not None:
        mapping, _ = load_mapping(asked.mapping)
    usual = Written.told(mapping.separator, mapping.encoding)
    return mapping, Written(
        written.separator or usual.separator, written.encoding or usual.encoding
    )


@contextmanager
def alone(folder: Path, freely: bool) -> Iterator[None]:
    """Nobody else loads meanwhile; `freely`, as a dry run, writes nothing, not even a lock."""
    if freely:
        yield
        return
    make_folder(folder, 0o700)
    busy = NotReady("another load is under way", where="imported decisions", remedy="wait for it")
    with held_alone(folder / ".lock", busy):
        yield


def decided_on(series: Series, progress: Progress = silent) -> DecidedOn:
    """Every application that there is a decision on, logged or imported."""
    applications, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    numbers = series.numbers if series.loads or (series.audit / MARK_NAME).exists() else []
    for done, number in enumerate(numbers, start=1):
        for piece in series.pieces(number, only=(APPLICATION,)):
            if APPLICATION in piece.columns:
                applications.append(piece.columns[APPLICATION])
                times.append(piece.columns["time_us"])
        progress("segments of the audit log read", done, len(numbers))
    return DecidedOn.of(np.concatenate(applications), np.concatenate(times))


def _read(file: Path, mapping: Mapping, written: Written) -> Read:
    told = mapping.outcomes
    if told is None:
        raise BadInput(
            "the mapping has no part `outcomes`",
            where=str(file),
            remedy="write it, as docs/lender.example.yaml shows",
        )
    # A Parquet file has times as times.
    text = text_of(told) if is_csv(file) else (told.application_id,)
    frame = read_table(file, text, written.separator, written.encoding)
    return read_outcomes(frame, str(file), told, mapping.zone)


def _keep(
    settings: Settings, new: Outcomes, facts: dict[str, Any], progress: Progress
) -> Path | None:
    def record(path: Path) -> None:
        audited(settings, "outcomes_loaded", {"file": path.name} | facts)
        progress("load entered in the audit log", 1, 1)

    return outcome_files.keep(settings.outcomes, new, record)


def _observed(read: Read, application: Int64s, decided: DecidedOn, mapping: Mapping) -> Int64s:
    """(n,) when each was seen: as told, or at the last instant of its month on book."""
    if read.months is None:
        return read.observed_us
    months = Months(mapping.zone or HOME_ZONE)
    return months.ends(months.of(decided.since(application)[1]) + read.months) - 1
