"""What is kept under home: the folder itself, room on its disk, keys, people, and what was left.

Settings come in, findings go out. Everything is opened for reading only; nothing is made, not even
what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from finmodel.settings import Settings
from serving.doctor import judging
from serving.doctor.finding import Finding, warned, well, wrong

OTHERS: Final = 0o077
PATIENCE_S: Final = 2.0
"""So long somebody else may hold a database before it is called busy."""


def home(settings: Settings) -> list[Finding]:
    """Whether there is a home, for its owner alone, that may be written to."""
    place, at = settings.home, f"home {settings.home}"
    if not place.exists():
        says = "there is no home here: nothing was set up, or FINMODEL_HOME should name another"
        return [wrong(at, says, "export FINMODEL_HOME=/the/folder")]
    if not place.is_dir():
        return [wrong(at, "it is no folder", "export FINMODEL_HOME=/the/folder")]
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return [wrong(at, "this user may not read and write it", f"ls -ld {place}")]
    if place.stat().st_mode & OTHERS:
        says = "others may look into it, and customers' data are in it"
        return [warned(at, says, f"chmod 700 {place}")]
    return [well(at, "it is there, for its owner alone")]


def disk(settings: Settings) -> list[Finding]:
    """Room where home lies, or would lie."""
    there = next(one for one in (settings.home, *settings.home.parents) if one.exists())
    told = os.statvfs(there)
    use = judging.DiskUse(
        total=told.f_blocks * told.f_frsize,
        free=told.f_bavail * told.f_frsize,
        files=told.f_files,
        files_free=told.f_favail,
        read_only=bool(told.f_flag & os.ST_RDONLY),
    )
    return [judging.disk(f"disk of {there}", use, str(there))]


def signing_key(settings: Settings) -> list[Finding]:
    """Whether the key that signs what is served is whole, and closed to others."""
    from finmodel.signing import check_pair

    at = f"signing key {settings.signing}"
    signed = settings.exports.exists() or settings.adapters.exists()
    if not settings.signing.exists() and not signed:
        return [well(at, "there is none yet: the first promotion makes it")]
    name, signs = check_pair(settings.signing)
    part = "both halves match" if signs else "its public half is here: this machine only verifies"
    return [well(at, f"key {name}: {part}")]


def people(settings: Settings) -> list[Finding]:
    """Whether somebody may ask and approve, and whether the key at hand is anybody's."""
    from serving.access import People

    at, file = f"people {settings.people}", People(settings.people)
    everyone = file.everyone()
    found = [
        judging.people(at, everyone, demo=settings.demo.is_dir(), exports=settings.exports.is_dir())
    ]
    if everyone and settings.people.stat().st_mode & OTHERS:
        found.append(warned(at, "others may read who may do what", f"chmod 600 {settings.people}"))
    if settings.key and file.find(settings.key) is None:
        says = "the key that is set here is nobody's: it was revoked, or is of another home"
        found.append(warned("FINMODEL_KEY", says, "finmodel people list"))
    return found


def vault(settings: Settings) -> list[Finding]:
    """Whether the customers' keys are there and can be read, and the archive's."""
    path, at = settings.vault, f"vault {settings.vault}"
    found = []
    if path.exists():
        closed = not path.stat().st_mode & OTHERS
        keys = count_in(path, "SELECT count(*) FROM keys WHERE key != zeroblob(64)")
        said = well(at, f"{keys:,} customers' keys")
        found.append(said if closed else wrong(at, "others may read it", f"chmod 600 {path}"))
    elif settings.audit.is_dir():
        says = "it is gone: what the audit log holds of customers can never be read again"
        found.append(wrong(at, says, f"cp BACKUP/keys.db {path}"))
    return [*found, *_archive_key(settings)] or [well(at, "there is none yet")]


def _archive_key(settings: Settings) -> Iterator[Finding]:
    from feature_store.archive_key import found_archive

    if found_archive(settings) is not None:
        yield well(f"archive {settings.archive}", "its key is there, and is its own")


def left_over(settings: Settings) -> list[Finding]:
    """What a process was at work on when it ended."""
    from finmodel.arrival import read_arrival

    arrival, at = read_arrival(settings.arrival), "left over"
    if arrival is not None and arrival.state == "failed":
        return [warned(at, arrival.sentence, f"finmodel base get {arrival.base}")]
    return [well(at, "nothing that was begun was left undone")]


def newest_file(settings: Settings) -> tuple[str, datetime] | None:
    """Of the files that are written all the time, the one that was written last."""
    names = "audit/HEAD", "online/data.mdb", "people.json", "vault/keys.db", "mlflow.db"
    places = [settings.home / name for name in (*names, "service.log")]
    places += settings.exports.glob("*/champion.json")
    times = {one: one.stat().st_mtime for one in places if one.exists()}
    if not times:
        return None
    last = max(times, key=lambda one: times[one])
    return last.name, datetime.fromtimestamp(times[last], UTC)


def count_in(path: Path, question: str) -> int:
    """One number out of a SQLite file that a service may be writing to, as it lies there."""
    from finmodel.sqlite_errors import read_only, typed

    with typed(path), closing(read_only(path, PATIENCE_S)) as db:
        number: int = db.execute(question).fetchone()[0]
        return number
