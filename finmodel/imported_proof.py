"""Whether imported decisions are what the audit log says: loaded, and changed by erasures alone.

The folder of loads and the log come in; Damaged, or sentences for a person, goes out. Nothing is
written, and what a decision says is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finmodel.audit_entries import find, latest
from finmodel.imported_files import (
    CHANGED,
    DESCRIPTION,
    KIND,
    Load,
    broken,
    digest_of,
    loads_of,
    mapped,
    whole,
)
from finmodel.progress import Progress, silent
from finmodel.records import Int64s


def check_loads(folder: Path, audit: Path, progress: Progress = silent) -> int:
    """Compare every load with the entry that names it; how many there are.

    Damaged at the first that is not what was loaded.
    """
    loads = check_entries(folder, audit)
    for done, load in enumerate(loads, start=1):
        for name in load.columns:
            proven(folder, load, name)
        progress("imported decisions compared with the log", done, len(loads))
    return len(loads)


def proven(folder: Path, load: Load, name: str) -> Int64s:
    """(rows,) a column of a load; Damaged where it is not, to the last bit, what is told of it."""
    values = whole(folder, load, name)
    if digest_of(values) != load.columns[name].sha256:
        raise broken(folder / load.name / load.file(name))
    return values


def check_entries(folder: Path, audit: Path) -> list[Load]:
    """Every load, compared with the entries that name it; of its columns the lengths alone."""
    loads = loads_of(folder)
    for load in loads:
        require_entered(folder, audit, load)
        for path in (folder / load.name / load.file(name) for name in load.columns):
            if len(mapped(path)) != load.rows:
                raise broken(path)
    return loads


def require_entered(folder: Path, audit: Path, load: Load) -> None:
    """Damaged where entries do not lead from what was loaded, change by change, to what is told."""
    wanted, name = load.entered, load.changed or load.entry
    while name != load.entry:
        entry = find(audit, name)
        now = CHANGED, load.entry, wanted["columns_sha256"]
        if (entry.kind, entry.body.get("loaded"), entry.body.get("columns_sha256")) != now:
            raise broken(folder / load.name / DESCRIPTION)
        wanted["columns_sha256"] = entry.body["columns_sha256_before"]
        name = entry.body["follows"]
    entry = find(audit, name)
    if entry.kind != KIND or entry.body != wanted:
        raise broken(folder / load.name / DESCRIPTION)


def undone(folder: Path, audit: Path) -> Iterator[str]:
    """A sentence for each load that is not as the last entry about an erasure left it.

    An older copy of it was brought back, or the erasure was killed before its end.
    """
    last: dict[str, str] = {}
    for entry in latest(audit, CHANGED):
        last.setdefault(entry.body["loaded"], entry.id)
    for load in loads_of(folder):
        if last.get(load.entry, load.changed) != load.changed:
            yield (
                f"load {load.number} of imported decisions holds an erased customer: what entry "
                f"{last[load.entry]} took out is there again, or was never taken out"
            )


def gone(folder: Path, audit: Path) -> Iterator[str]:
    """A sentence for each load that the audit log names and that is not there, the newest first.

    None where its file was loaded again later. It was taken out by hand, or its process was killed
    before it was whole: the log cannot tell which.
    """
    there = {load.entry for load in loads_of(folder)}
    again: set[str] = set()
    for entry in latest(audit, KIND):
        told = entry.body
        if entry.id not in there and told["file_sha256"] not in again:
            yield (
                f"load {told['load']} of {told['rows']:,} imported decisions ({told['file']}, "
                f"entry {entry.id}) is not there: it was taken out, or never became whole"
            )
        again.add(told["file_sha256"])
