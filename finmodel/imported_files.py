"""The folder of imported decisions: one folder of columns for each load, whole or not there.

Columns of one load come in and are made aside, named in the audit log, and only then renamed; parts
of them come out as `Piece`s, as the log's own segments do. Numbers of parts are below zero and the
log's above, so a decision's place says whose it is. Knows nothing of which decisions may come in.

    imported/decisions-000001/ = load.json · one .npy for each column
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.audit_side import Piece
from finmodel.decision_log import APPLICATION, FACTS
from finmodel.durable import (
    disk_error,
    made_aside,
    replace_file,
    sync_file,
    sync_folder,
    write_file,
)
from finmodel.errors import Damaged, FinmodelError, NotFound, NotReady
from finmodel.imported import CONTENT, ROW, TIME, Columns, Told
from finmodel.progress import Progress, silent
from finmodel.records import Int64s

PART: Final = 1 << 18
"""Rows of a part: what is read at a time."""
FIRST: Final = -(1 << 30)
"""The number of the first part of all; later ones count up towards zero."""
KIND: Final = "decisions_loaded"
"""Of the entry that names a load in the audit log."""
CHANGED: Final = "decisions_forgotten"
"""Of an entry that says what was taken out of a load since."""
MARK: Final = "imported-"
"""Begins the name of an imported decision: its load's number and its row follow."""
_MONITORED: Final = (TIME, FACTS, APPLICATION, "points", "probability", "vector")
DESCRIPTION: Final = "load.json"
"""The file that says what a load is; the others are its columns."""


class Origin(msgspec.Struct, frozen=True):
    """Where a load came from."""

    file: str
    """The name of the lender's file."""
    sha256: str
    """Of its bytes."""
    mapping_sha256: str
    """Of the mapping's text."""
    by: str
    at: str


class Column(msgspec.Struct, frozen=True):
    """One column's digest, and the checksum of each part of it."""

    sha256: str
    crcs: tuple[int, ...]
    again: int = 0
    """How often it was written anew; its file is named after that."""


class Meaning(msgspec.Struct, frozen=True):
    """What the numbers of a load stand for."""

    features: tuple[str, ...]
    """The vector's columns."""
    bodies: dict[int, dict[str, Any]]
    """The facts that each code stands for."""
    reasons: dict[int, str]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept of one file."""

    number: int
    first: int
    """The number of its first part."""
    rows: int
    origin: Origin
    meaning: Meaning
    begins_us: tuple[int, ...]
    """The first decision's time in each part."""
    columns: dict[str, Column]
    entry: str = ""
    """The entry of the audit log that names it."""
    changed: str = ""
    """The last entry that says what was taken out of it; empty while it is as it was loaded."""
    salt: str = ""
    """Part of its digest, and replaced with it: the old one confirms no guess of what is gone."""

    @property
    def name(self) -> str:
        """Of its folder."""
        return _name(self.number)

    def file(self, name: str) -> str:
        """Of a column."""
        return _file(name, self.columns[name].again)

    @property
    def digest(self) -> str:
        """Of all its columns."""
        told: list[Any] = [(name, one.sha256) for name, one in sorted(self.columns.items())]
        if self.salt:
            told.append(self.salt)
        return hashlib.sha256(msgspec.json.encode(told)).hexdigest()

    @property
    def meaning_digest(self) -> str:
        """Of all else that is kept of it: what its numbers mean, and where they came from."""
        meant = self.meaning
        codes = meant.features, sorted(meant.bodies.items()), sorted(meant.reasons.items())
        told = self.number, self.first, self.rows, self.begins_us, self.origin, codes
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()

    @property
    def entered(self) -> dict[str, Any]:
        """What its entry in the audit log says."""
        return {
            "load": self.number,
            "rows": self.rows,
            "columns_sha256": self.digest,
            "meaning_sha256": self.meaning_digest,
            "file": self.origin.file,
            "file_sha256": self.origin.sha256,
            "mapping_sha256": self.origin.mapping_sha256,
            "by": self.origin.by,
        }

    @property
    def parts(self) -> range:
        """Numbers of its parts."""
        return range(self.first, self.first + len(self.begins_us))


def keep(
    folder: Path,
    told: tuple[Origin, Meaning],
    columns: Columns,
    record: Callable[[Load], str],
    progress: Progress = silent,
) -> Load:
    """Keep a load's columns, in order of time; `record` enters it in the audit log.

    A process that is killed leaves an entry of a load that is not there, or nothing: never columns
    that no entry names. One at a time: who calls holds the folder alone.
    """
    before = loads_of(folder)
    number = before[-1].number + 1 if before else 1
    first = before[-1].parts.stop if before else FIRST
    with made_aside(folder / _name(number)) as aside:
        aside.mkdir(mode=0o700)
        kept: dict[str, Column] = {}
        for name, values in columns.items():
            kept[name] = _write(aside / f"{name}.npy", values)
            progress("columns kept", len(kept), len(columns))
        load = Load(
            number=number,
            first=first,
            rows=len(columns[TIME]),
            origin=told[0],
            meaning=told[1],
            begins_us=tuple(columns[TIME][::PART].tolist()),
            columns=kept,
            salt=secrets.token_hex(16),
        )
        load = msgspec.structs.replace(load, entry=record(load))
        progress("load entered in the audit log", 1, 1)
        write_file(aside / DESCRIPTION, msgspec.json.encode(load))
    return load


def rewrite(
    folder: Path, load: Load, columns: Columns, rows: int, record: Callable[[dict[str, Any]], str]
) -> None:
    """Put columns in the place of a load's own, in which `rows` differ; `record` enters it.

    The load changes as its description does, in one step. Who is killed before leaves it as it was,
    who is killed after leaves files that no description names: `tidy` removes both. One at a time,
    as `keep`.
    """
    place, kept = folder / load.name, dict(load.columns)
    for name, values in columns.items():
        again = kept[name].again + 1
        kept[name] = msgspec.structs.replace(
            _write(place / _file(name, again), values), again=again
        )
    sync_folder(place)
    new = msgspec.structs.replace(load, columns=kept, salt=secrets.token_hex(16))
    told = {
        "load": load.number,
        "loaded": load.entry,
        "follows": load.changed or load.entry,
        "rows": rows,
        "columns": sorted(columns),
        "columns_sha256": new.digest,
        "columns_sha256_before": load.digest,
    }
    new = msgspec.structs.replace(new, changed=record(told))
    replace_file(place / DESCRIPTION, msgspec.json.encode(new))


def tidy(folder: Path) -> None:
    """Remove columns that no load's description names; who calls holds the folder alone."""
    for load in loads_of(folder):
        named = {load.file(name) for name in load.columns}
        for path in (folder / load.name).glob("*.npy"):
            if path.name not in named:
                path.unlink()
        sync_folder(folder / load.name)


def loads_of(folder: Path) -> list[Load]:
    """Every load, the first first; Damaged where one cannot be read."""
    return [_described(path) for path in sorted(folder.glob("decisions-[0-9]*"))]


def _described(place: Path) -> Load:
    try:
        return msgspec.json.decode((place / DESCRIPTION).read_bytes(), type=Load)
    except (OSError, msgspec.MsgspecError) as error:
        raise broken(place / DESCRIPTION) from error


def piece_of(folder: Path, load: Load, number: int, only: Collection[str] | None = None) -> Piece:
    """One part: the columns that monitoring reads, or only those named, and `time_us`."""
    part = number - load.first
    wanted = {TIME, FACTS, *(_MONITORED if only is None else only)}
    columns = {
        name: _part(folder / load.name / load.file(name), part, load.columns[name])
        for name in load.columns
        if name in wanted
    }
    rows = np.arange(len(columns[TIME]), dtype=np.int64)
    return Piece(
        segment=number,
        at=rows,
        columns=columns,
        sample=np.empty(0, np.int64),
        sampled={},
        bodies=load.meaning.bodies,
        features=load.meaning.features,
    )


def whole(folder: Path, load: Load, name: str) -> Int64s:
    """(rows,) a column of numbers; Damaged where it is not what was kept."""
    path, told = folder / load.name / load.file(name), load.columns[name]
    return np.concatenate([_part(path, part, told) for part in range(len(load.begins_us))])


def known_in(folder: Path) -> Told:
    """Every imported decision's application and content, by application."""
    kept = [
        (whole(folder, load, APPLICATION), whole(folder, load, CONTENT))
        for load in loads_of(folder)
    ]
    if not kept:
        return Told.none()
    return Told(*map(np.concatenate, zip(*kept, strict=True))).by_application()


def is_imported(place: int) -> bool:
    """Whether the decision at this place was imported; see `Decisions.place`."""
    return place < 0


def name_at(folder: Path, loads: list[Load], place: int) -> str:
    """The name of the imported decision at a place: its load, and its row in the lender's file."""
    number, at = place >> 32, place & 0xFFFFFFFF
    for load in loads:
        if number in load.parts:
            path = folder / load.name / load.file(ROW)
            row = mapped(path)[(number - load.first) * PART + at]
            return f"{MARK}{load.number}-{int(row)}"
    raise NotFound("no load has it", where="imported decisions", remedy="compute it again")


def _name(number: int) -> str:
    return f"decisions-{number:06d}"


def _file(column: str, again: int) -> str:
    return f"{column}-{again}.npy" if again else f"{column}.npy"


def _write(path: Path, values: npt.NDArray[Any]) -> Column:
    values = np.ascontiguousarray(values)
    try:
        np.save(path, values, allow_pickle=False)
        sync_file(path)
    except OSError as error:
        raise disk_error(error, path) from error
    crcs = (_crc(values[begin : begin + PART]) for begin in range(0, len(values), PART))
    return Column(digest_of(values), tuple(crcs))


def _part(path: Path, part: int, told: Column) -> npt.NDArray[Any]:
    values = np.array(mapped(path)[part * PART : (part + 1) * PART])
    if _crc(values) != told.crcs[part]:
        raise broken(path)
    return values


def mapped(path: Path) -> npt.NDArray[Any]:
    """A column where it lies; Damaged where there is none, NotReady where an erasure changed it."""
    try:
        few = path.stat().st_size < 1 << 16
        found: npt.NDArray[Any] = np.load(path, mmap_mode=None if few else "r", allow_pickle=False)
    except FileNotFoundError as error:
        raise _gone(path) from error
    except (OSError, ValueError) as error:
        raise broken(path) from error
    return found


def _gone(path: Path) -> FinmodelError:
    """Of a column that a description named a moment ago: whoever reads holds no lock."""
    try:
        load = _described(path.parent)
    except Damaged:
        return broken(path)
    if path.name in {load.file(name) for name in load.columns}:
        return broken(path)
    return NotReady(
        "a customer was erased from it while it was read",
        where=path.parent.name,
        remedy="ask again",
    )


def digest_of(values: npt.NDArray[Any]) -> str:
    """Of a column's values."""
    return hashlib.sha256(values.reshape(-1).view(np.uint8).data).hexdigest()


def _crc(values: npt.NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)


def broken(path: Path) -> Damaged:
    """What is raised where a file is not what was kept."""
    return Damaged(
        "it is not what was loaded",
        where=f"{path.parent.name}/{path.name}",
        remedy="bring the folder back from a backup, or remove it whole and load its file again",
    )
