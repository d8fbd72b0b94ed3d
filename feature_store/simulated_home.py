"""A home of a simulated lender: its events archived, and the definitions applied; made once.

A lender's sizes and seed come in; settings of a home go out from which `training_frame` reads. The
home lies under the user's own, apart from real events, under a name that says which lender and
which version of the simulator made it. It is written aside and renamed.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_store import store
from feature_store.archive import archive_schema, bytes_of
from feature_store.archive_files import ArchiveFile
from feature_store.archive_key import Archive, make_archive
from finmodel import lender as simulator
from finmodel.durable import disk_error, held_alone, write_file
from finmodel.errors import NotReady
from finmodel.events import TOPICS
from finmodel.lender.calendar import Calendar
from finmodel.lender.json_columns import Columns
from finmodel.lender.simulated import Lender
from finmodel.progress import Progress, teller
from finmodel.records import Int64s
from finmodel.settings import Settings

FOLDER = "simulated"


def simulated_home(
    settings: Settings, lender: Lender, progress: Progress | None = None
) -> Settings:
    """Settings whose home has the lender's events, archived as they arrived, and its registry.

    NoRoom where the disk is full, NotReady while another process makes it; an unfinished try leaves
    no home behind.
    """
    home = settings.home / FOLDER / _name(lender)
    if not home.exists():
        _make(settings, home, lender, progress)
    ours = replace(settings, home=home, online_store="")
    store.apply(ours)  # a second's work, and definitions may have changed
    return ours


def _make(settings: Settings, home: Path, lender: Lender, progress: Progress | None) -> None:
    settings.make_home()
    home.parent.mkdir(mode=0o700, exist_ok=True)
    aside = home.with_name(f".{home.name}.aside")
    busy = NotReady(
        "another process makes its events", where=home.name, remedy="wait until it has ended"
    )
    with held_alone(home.with_name(f".{home.name}.lock"), busy):
        if home.exists():  # it ended meanwhile
            return
        shutil.rmtree(aside, ignore_errors=True)  # of a try that was killed
        try:
            aside.mkdir(mode=0o700)
            _fill(make_archive(replace(settings, home=aside)), lender, progress)
            os.rename(aside, home)
        except OSError as error:
            raise disk_error(error, home) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@dataclass(slots=True)
class _Topic:
    """A topic's folder, and the offset that its next event will have."""

    folder: Path
    end: int = 0


def _fill(archive: Archive, lender: Lender, progress: Progress | None) -> None:
    topics = {topic: _Topic(archive.folder / topic) for topic in TOPICS}
    for one in topics.values():
        one.folder.mkdir(mode=0o700)
    pseudonyms = archive.pseudonyms(np.arange(lender.customers + 1))
    months = Calendar(lender.start, lender.days).months + 1
    tell = teller("months of the simulated lender", months, progress)
    for period in lender.periods():
        for topic, columns in period.items():
            _write(topics[topic], topic, columns, pseudonyms)
        tell()


def _write(place: _Topic, topic: str, columns: Columns, pseudonyms: Int64s) -> None:
    """A month's events as one file, in the order in which they arrived."""
    count = len(columns["customer_id"])
    file = ArchiveFile(0, 0, place.end, place.end + count)
    schema = archive_schema(topic)
    given = {
        "partition": pa.array(np.zeros(count, np.int32)),
        "log_offset": pa.array(np.arange(place.end, file.end)),
        "customer": pa.array(pseudonyms[columns["customer_id"].astype(np.int64)]),
    }
    arrays = [given[n] if n in given else _array(columns[n], schema.field(n)) for n in schema.names]
    write_file(place.folder / file.name, bytes_of(pa.Table.from_arrays(arrays, schema=schema)))
    place.end = file.end


def _array(column: npt.NDArray[np.generic], field: pa.Field) -> pa.Array:
    if column.dtype.kind == "M":
        return pa.array(column.astype("M8[us]")).cast(field.type)
    if column.dtype.kind == "S":
        return _of_words(column)
    return pa.array(column.astype(np.int64))


def _of_words(column: npt.NDArray[np.generic]) -> pa.Array:
    """Words of plain ASCII as Arrow has texts; ids are all as long, other words are few."""
    width = column.dtype.itemsize
    if bool((np.char.str_len(column.astype("S", copy=False)) == width).all()):
        places = np.arange(0, (len(column) + 1) * width, width, dtype=np.int32)
        letters = pa.py_buffer(np.ascontiguousarray(column))
        return pa.StringArray.from_buffers(len(column), pa.py_buffer(places), letters)
    words, which = np.unique(column, return_inverse=True)
    texts = pa.array([word.decode() for word in words.tolist()])
    return pa.DictionaryArray.from_arrays(which.astype(np.int32), texts).cast(pa.string())


def _name(lender: Lender) -> str:
    facts = (lender.customers, lender.days, lender.seed, lender.start.isoformat())
    shares = (lender.late_share, lender.twice_share)
    told = sha256(repr((facts, shares, _version())).encode()).hexdigest()
    return f"{lender.customers}x{lender.days}-{told[:12]}"


@cache
def _version() -> str:
    """Of everything that decides what the simulator tells."""
    folder = Path(simulator.__path__[0])
    seen = sha256()
    for path in sorted(folder.glob("*.py")):
        seen.update(path.read_bytes())
    return seen.hexdigest()
