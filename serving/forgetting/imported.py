"""One customer out of what a lender imported: decisions, and what became of them, are nobody's.

Settings and a customer come in; how many decisions and how new goes out. Rows stay, for monitoring
counts them, without anything that leads to a person: the customer's number, the row in the lender's
file, the amount. Applications get random numbers, of decisions and of outcomes alike; they are
noted until all is written, so that whoever is killed is followed up by the next call.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from finmodel import outcome_files
from finmodel.acts import audited
from finmodel.audit_entries import time_of
from finmodel.clock import china_day
from finmodel.decision_log import APPLICATION
from finmodel.durable import held_alone, replace_file, sync_folder
from finmodel.errors import NotReady
from finmodel.imported import AMOUNT, CONTENT, CUSTOMER, NOT_TOLD, ROW, TIME, Columns
from finmodel.imported_files import CHANGED, Load, loads_of, rewrite, tidy, whole
from finmodel.imported_proof import proven, require_entered
from finmodel.records import Int64s
from finmodel.retention import Found
from finmodel.settings import Settings
from finmodel.vault import Vault

STORE: Final = "imported decisions"
OUTCOMES: Final = "outcomes_forgotten"
"""Of the entry that names a file of outcomes that was written anew."""
_NOTED: Final = ".forgetting.json"


def held_in_imported(settings: Settings, customer: str) -> Found:
    """A customer's imported decisions, as far as their files named customers at all."""
    count, newest = 0, 0
    for load, rows in _of(settings, customer):
        count += len(rows)
        newest = max(newest, int(whole(settings.imported, load, TIME)[rows].max()))
    if not count:
        return Found(STORE, 0)
    return Found(STORE, count, {"identification": china_day(time_of(newest))})


def forget_imported(settings: Settings, customer: str) -> int:
    """Make a customer's imported decisions and their outcomes nobody's; how many decisions.

    NotReady while a load is under way, Damaged where a load is not what the audit log says: it
    would be proven by the entry of this change.
    """
    if not loads_of(settings.imported):
        return 0
    busy = NotReady(
        "a load is under way", where=STORE, remedy="wait for it, then ask for the erasure again"
    )
    with held_alone(settings.imported / ".lock", busy):
        _end(settings)
        mine = [
            whole(settings.imported, load, APPLICATION)[rows]
            for load, rows in _of(settings, customer)
        ]
        if mine:
            _note(settings.imported, np.concatenate(mine))
            _end(settings)
    return sum(map(len, mine))


def _of(settings: Settings, customer: str) -> Iterator[tuple[Load, Int64s]]:
    """Each load that has decisions of a customer, and their places in it."""
    loads = [one for one in loads_of(settings.imported) if CUSTOMER in one.columns]
    if not loads:
        return
    with closing(Vault(settings.vault)) as vault:
        (stand_in,) = vault.stand_ins([customer])
    for load in loads:
        rows = np.flatnonzero(whole(settings.imported, load, CUSTOMER) == stand_in)
        if len(rows):
            yield load, rows


def _note(folder: Path, applications: Int64s) -> None:
    pairs = [(one, _drawn()) for one in applications.tolist()]
    replace_file(folder / _NOTED, msgspec.json.encode(pairs))


def _end(settings: Settings) -> None:
    """Write everything that is noted, which may have begun before, and drop the note."""
    path = settings.imported / _NOTED
    if not path.exists():
        return
    instead = dict(msgspec.json.decode(path.read_bytes(), type=list[tuple[int, int]]))
    outcome_files.restate(settings.outcomes, instead, partial(audited, settings, OUTCOMES))
    for load in loads_of(settings.imported):
        _rewrite(settings, load, instead)
    tidy(settings.imported)
    path.unlink()
    sync_folder(path.parent)


def _rewrite(settings: Settings, load: Load, instead: dict[int, int]) -> None:
    """Write a load's columns anew, where it has noted applications; all others stay as they are."""
    folder = settings.imported
    known = np.fromiter(instead, np.int64, len(instead))
    rows = np.flatnonzero(np.isin(whole(folder, load, APPLICATION), known))
    if not len(rows):
        return
    require_entered(folder, settings.audit, load)
    names = (APPLICATION, CUSTOMER, CONTENT, ROW, AMOUNT)
    columns: Columns = {name: proven(folder, load, name) for name in names if name in load.columns}
    applications = columns[APPLICATION][rows].tolist()
    values = {
        APPLICATION: [instead[one] for one in applications],
        CUSTOMER: 0,
        # It is made of the customer's number and all that is left of the row.
        CONTENT: [_drawn() for _ in applications],
        ROW: 0,
        AMOUNT: NOT_TOLD,
    }
    for name, column in columns.items():
        column[rows] = values[name]
    rewrite(folder, load, columns, len(rows), partial(audited, settings, CHANGED))


def _drawn() -> int:
    """A number that is nobody's, as stand-ins are: never 0."""
    return int.from_bytes(secrets.token_bytes(8), "little", signed=True) or 1
