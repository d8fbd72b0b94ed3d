"""Customers who asked to be erased while a rule still holds their records: who, and since when.

A customer and the day that the relationship ended come in; everybody who must be left out of
marketing and training goes out. An id lies sealed under its customer's key, so that whoever is
erased is gone from here too. What holds whose records is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from finmodel.book_file import BookFile
from finmodel.errors import NotFound
from finmodel.settings import Settings
from finmodel.vault import Vault

Rows: TypeAlias = npt.NDArray[np.bool_]
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS restriction(ref BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
"""


class Restriction(msgspec.Struct, frozen=True):
    """One customer."""

    customer: str
    asked: datetime
    """When the erasure was asked for first."""
    ended: date | None = None
    """The day that the relationship ended, as an auditor said last."""
    until: date | None = None
    """The last day that something is known to hold the records; None while there is no such day."""
    due: bool = False
    """Whether nothing held them any more: an erasure has begun, and is to be ended."""

    def __repr__(self) -> str:
        return "Restriction()"


class RestrictionBook:
    """The restrictions of one home."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        """Open or make the book."""
        self._vault, self._file = vault, BookFile(settings.restrictions, _TABLES)

    def restrict(self, one: Restriction) -> None:
        """Leave a customer out from now on; what was known of it before is replaced."""
        key = self._vault.keys_of([one.customer])[one.customer]
        self._vault.sync()
        with self._file.writing():
            self._file.change(
                "INSERT OR REPLACE INTO restriction VALUES (?,?)",
                key.pseudonym,
                key.seal(msgspec.json.encode(one)),
            )

    def of(self, customer: str) -> Restriction | None:
        """A customer's restriction; None where there is none."""
        ref = self._vault.known(customer)
        row = self._file.row("SELECT sealed FROM restriction WHERE ref = ?", ref)
        return None if ref is None or row is None else self._open(ref, row[0])

    def every(self) -> list[Restriction]:
        """All of them; those whose customer was erased are gone."""
        rows = self._file.rows("SELECT ref, sealed FROM restriction")
        found = (self._open(ref, sealed) for ref, sealed in rows)
        return sorted(filter(None, found), key=lambda one: one.asked)

    def refs(self) -> frozenset[bytes]:
        """The pseudonyms of all of them."""
        return frozenset(ref for (ref,) in self._file.rows("SELECT ref FROM restriction"))

    def tidy(self) -> int:
        """Drop what an erasure left behind that was killed after the key was gone; how many."""
        rows = self._file.rows("SELECT ref, sealed FROM restriction")
        gone = [ref for ref, sealed in rows if self._open(ref, sealed) is None]
        with self._file.writing():
            for ref in gone:
                self._file.change("DELETE FROM restriction WHERE ref = ?", ref)
        self._file.fold()
        return len(gone)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _open(self, ref: bytes, sealed: bytes) -> Restriction | None:
        try:
            return msgspec.json.decode(self._vault.open(ref, sealed), type=Restriction)
        except NotFound:  # its customer was erased
            return None


def restricted_customers(settings: Settings) -> frozenset[str]:
    """Who must be left out of marketing and training; empty where nobody ever asked."""
    if not settings.restrictions.exists():
        return frozenset()
    with (
        closing(Vault(settings.vault)) as vault,
        closing(RestrictionBook(settings, vault)) as book,
    ):
        return frozenset(one.customer for one in book.every())


def is_number(customer: str) -> bool:
    """Whether an id can be one of events, features and contacts, which know numbers alone.

    >>> [is_number(one) for one in ("42", "042", "u1", "9" * 19)]
    [True, False, False, False]
    """
    plain = customer.isascii() and customer.isdigit() and len(customer) < 20
    return plain and str(int(customer)) == customer and int(customer) < 2**63


def may_train(settings: Settings, customers: Sequence[Any] | npt.NDArray[Any]) -> Rows:
    """(n,) whom training may learn from: all but the restricted; ids may be numbers or texts."""
    left_out = restricted_customers(settings)
    if not left_out:
        return np.ones(len(customers), bool)
    return np.array([str(one) not in left_out for one in customers], bool)
