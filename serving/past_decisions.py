"""`finmodel decisions load`: decisions that a lender made before, to be monitored as one series.

A file and a mapping come in; rows that hold are kept as columns beside the audit log, which says
who loaded what and when; rows that do not are listed with their number and reason. Loading a file
again changes nothing.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from finmodel.acts import audited
from finmodel.audit_entries import time_of
from finmodel.clock import micros
from finmodel.decision_log import APPLICATION
from finmodel.decision_series import Series
from finmodel.errors import BadInput
from finmodel.hashes import sha256_of
from finmodel.imported import CONTENT, CUSTOMER, REASON, ROW, TIME, Columns, Told, content_of, judge
from finmodel.imported_files import KIND, Load, Meaning, Origin, keep, known_in, loads_of
from finmodel.outcomes import Judged, left_of
from finmodel.progress import Progress, silent
from finmodel.records import Int64s, Person
from finmodel.settings import Settings
from finmodel.table_files import is_csv, read_pieces
from finmodel.vault import Vault
from risk.brought.codes import MOST, require_few
from risk.brought.decision_rows import ReadDecisions, read_decisions, require_all, text_of
from risk.brought.mapping import DecisionColumns, Mapping
from risk.brought.values import Rows
from serving.not_used import (
    NOT_SAID,
    SHOWN,
    Asked,
    NotUsed,
    Written,
    list_beside,
    not_used,
    said_of,
)
from serving.outcomes import alone, decided_on, mapping_of
from serving.past_seam import other_versions

MOST_FACTS = 10_000
"""Of more kinds of decisions a column that should part them holds something else."""


@dataclass(frozen=True, slots=True)
class LoadedDecisions:
    """What was done with a file."""

    rows: int
    new: int
    known: int
    """Rows that were loaded before, or that the file says twice, the very same."""
    refused: int
    not_used: list[NotUsed]
    """The refused rows, up to a thousand of them."""
    first: str
    """When the first and the last of the new ones were decided."""
    last: str
    kept_in: str
    not_used_in: str
    """The CSV that lists all refused rows."""
    said: str
    notes: tuple[str, ...] = ()
    """What keeps the page from showing them as one series with our own, if anything."""


@dataclass(frozen=True, slots=True)
class LoadSeen:
    """One load, as it is listed."""

    load: int
    rows: int
    file: str
    sha256: str
    by: str
    at: str
    models: str
    first: str
    features: int
    entry: str


@dataclass(slots=True)
class _Gathered:
    """What was read of a file so far."""

    rows: int = 0
    parts: list[Columns] = field(default_factory=list)
    bodies: dict[int, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)

    def take(self, read: ReadDecisions, vault: Vault) -> None:
        """One piece: ids become stand-ins, so that nobody is named in what is kept."""
        count = len(read.applications)
        columns = dict(read.columns)
        columns[APPLICATION] = np.array(vault.stand_ins(read.applications), np.int64)
        columns[CUSTOMER] = np.zeros(count, np.int64)
        if read.customers is not None:
            places, names = read.customers
            stand_ins = np.array(vault.stand_ins(names), np.int64)
            stand_ins[[not name for name in names]] = 0
            columns[CUSTOMER] = stand_ins[places]
        columns[ROW] = np.arange(self.rows + 1, self.rows + count + 1)
        self.refused |= {self.rows + row: why for row, why in read.refused.items()}
        self.rows += count
        self.parts.append(columns)
        self.bodies |= read.bodies
        self.reasons |= read.reasons

    def columns(self) -> Columns:
        """Those of all pieces, each piece let go of as it is copied."""
        found: Columns = {}
        for name in list(self.parts[0]):
            found[name] = np.concatenate([part.pop(name) for part in self.parts])
        return found


def load_decisions(
    settings: Settings,
    file: Path,
    person: Person,
    asked: Asked,
    progress: Progress = silent,
    written: Written = NOT_SAID,
) -> LoadedDecisions:
    """Load a CSV or Parquet file of decisions; BadInput where it lacks a column of the mapping."""
    mapping, written = mapping_of(asked, written)
    told = _told(mapping, asked)
    gathered = _gather(settings, (file, written), (mapping, told), progress)
    columns = gathered.columns()
    columns[CONTENT] = _content(columns, tuple(told.features))
    series = Series(settings.audit, settings.imported)
    with alone(settings.imported, asked.dry_run):
        sha256 = sha256_of(file)
        _require_nobody_back(settings.imported, file, sha256)
        rows, judged = _judge(series, columns, gathered.refused, progress)
        refused = gathered.refused | {int(rows[at]): why for at, why in judged.refused.items()}
        left_out = not_used(refused, file, written)
        listed = list_beside(left_out, file, asked)
        new = rows[judged.new]
        new = new[np.argsort(columns[TIME][new], kind="stable")]
        load = None
        if len(new) and not asked.dry_run:
            columns = {name: values[new] for name, values in columns.items()}
            source = file.name, sha256, asked, person
            load = _keep(settings, source, (gathered, told), columns, progress)
            new = np.arange(len(new))
    times = columns[TIME][new]
    return LoadedDecisions(
        rows=gathered.rows,
        new=len(new),
        known=judged.known,
        refused=len(refused),
        not_used=left_out[:SHOWN],
        first=time_of(int(times[0])).isoformat() if len(times) else "",
        last=time_of(int(times[-1])).isoformat() if len(times) else "",
        kept_in="" if load is None else load.name,
        not_used_in=listed,
        said=said_of(len(new), judged.known, asked),
        notes=other_versions(settings, gathered.bodies.values()),
    )


def loads(settings: Settings) -> list[LoadSeen]:
    """Every load of decisions, the first first."""
    return [
        LoadSeen(
            load=one.number,
            rows=one.rows,
            file=one.origin.file,
            sha256=one.origin.sha256,
            by=one.origin.by,
            at=one.origin.at,
            models=", ".join(_models(one)),
            first=time_of(one.begins_us[0]).isoformat(),
            features=len(one.meaning.features),
            entry=one.entry,
        )
        for one in loads_of(settings.imported)
    ]


def _models(load: Load) -> list[str]:
    bodies = load.meaning.bodies.values()
    return sorted({f"{body['model']} v{body['version']}" for body in bodies})


def _told(mapping: Mapping, asked: Asked) -> DecisionColumns:
    if mapping.decisions is None:
        raise BadInput(
            "it has no part `decisions`",
            where=str(asked.mapping),
            remedy="write it, as docs/lender.example.yaml shows",
        )
    return mapping.decisions


def _gather(
    settings: Settings,
    source: tuple[Path, Written],
    told: tuple[Mapping, DecisionColumns],
    progress: Progress,
) -> _Gathered:
    """Read the file in pieces; BadInput where there is nothing in it."""
    (file, written), (mapping, columns) = source, told
    text = text_of(columns, is_csv(file))
    now_us = micros(settings.clock.now())
    gathered = _Gathered()
    with closing(Vault(settings.vault)) as vault:
        for frame in read_pieces(file, text, written.separator, written.encoding):
            require_all(frame, columns, str(file))
            rows = Rows(frame.reset_index(drop=True), mapping.zone)
            gathered.take(read_decisions(rows, columns, now_us), vault)
            progress("rows read", gathered.rows, gathered.rows + 1)
            _require_few(gathered, file)
    if not gathered.rows:
        raise BadInput("it has no rows", where=str(file), remedy="give at least one")
    _require_codes(gathered, columns, file)
    progress("rows read", gathered.rows, gathered.rows)
    return gathered


def _require_few(gathered: _Gathered, file: Path) -> None:
    """BadInput as soon as a file has more kinds of anything than any length of it may have."""
    if len(gathered.reasons) > MOST:
        require_few(gathered.reasons.values(), gathered.rows, "reasons", str(file))
    if len(gathered.bodies) > MOST_FACTS:
        raise BadInput(
            f"its decisions are of more than {MOST_FACTS:,} kinds of model, answer, product and "
            "channel",
            where=str(file),
            remedy="name columns of few words, or leave product or channel out of the mapping",
        )


def _require_codes(gathered: _Gathered, told: DecisionColumns, file: Path) -> None:
    """BadInput where the whole file has free text in a column that is kept as it stands."""
    with_reasons = sum(int(np.count_nonzero(part[REASON])) for part in gathered.parts)
    require_few(gathered.reasons.values(), with_reasons, "reasons", str(file))
    for ours in ("product", "channel"):
        if isinstance(getattr(told, ours), str):
            found = {body[ours] for body in gathered.bodies.values()} - {None}
            require_few(found, gathered.rows, ours, str(file))


def _content(columns: Columns, features: tuple[str, ...]) -> Int64s:
    """(n,) a number for all that a row says, but not for where it stands."""
    said = {name: columns[name] for name in columns if name not in (ROW, "vector", APPLICATION)}
    said |= {f"feature {name}": columns["vector"][:, place] for place, name in enumerate(features)}
    return content_of(said)


def _judge(
    series: Series, columns: Columns, refused: dict[int, str], progress: Progress
) -> tuple[Int64s, Judged]:
    """Rows that could be read, and what is to be done with each of them."""
    rows = np.flatnonzero(left_of(refused, len(columns[TIME])))
    assert series.imported is not None
    ours = decided_on(Series(series.audit), progress).application
    told = Told(columns[APPLICATION][rows], columns[CONTENT][rows])
    return rows, judge(told, known_in(series.imported), ours)


def _keep(
    settings: Settings,
    source: tuple[str, str, Asked, Person],
    told: tuple[_Gathered, DecisionColumns],
    columns: Columns,
    progress: Progress,
) -> Load:
    (file, sha256, asked, person), (gathered, named) = source, told
    assert asked.mapping is not None
    origin = Origin(
        file=file,
        sha256=sha256,
        mapping_sha256=sha256_of(asked.mapping),
        by=person.name,
        at=settings.clock.now().isoformat(timespec="seconds"),
    )
    meaning = Meaning(tuple(named.features), gathered.bodies, gathered.reasons)

    def record(load: Load) -> str:
        return audited(settings, KIND, load.entered)

    return keep(settings.imported, (origin, meaning), columns, record, progress)


def _require_nobody_back(folder: Path, file: Path, sha256: str) -> None:
    """BadInput for a file of which a customer was erased since it was loaded."""
    if any(one.changed and one.origin.sha256 == sha256 for one in loads_of(folder)):
        raise BadInput(
            "a customer of it was erased since it was loaded, and would come back",
            where=str(file),
            remedy="take their rows out of the file, then load what is left",
        )
