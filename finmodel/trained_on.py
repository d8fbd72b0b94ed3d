"""Whose conversations an adapter was trained with, kept beside it without naming anybody.

Customers' ids come in; a list of numbers that only this home's vault can make of them lies beside
the adapter's run, and in no log. Asked for a customer, the adapters are named that were trained
with the customer's conversations.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import msgspec

from finmodel import tracking
from finmodel.adapters import KIND
from finmodel.errors import NotFound
from finmodel.registry import STATUS, served_by
from finmodel.settings import Settings
from finmodel.vault import Vault

FILE: Final = "customers.json"
"""Beside the run of an adapter."""


@dataclass(frozen=True, slots=True)
class Taught:
    """An adapter that a customer's conversations trained, or may have."""

    adapter: str
    version: int
    trained: str
    """`yes`, or `not known` where its list of customers is gone."""
    status: str
    served_as: str
    base: str
    """Digest of the base that it belongs to."""
    run: str


def keep_customers(
    settings: Settings, run_id: str, customers: Iterable[str], start: str = ""
) -> None:
    """Keep whose conversations train, beside a run; with those of the run that it went on from.

    Where that one's are not known, neither are these: nothing is kept.
    """
    before = _kept(settings, start) if start else None
    if start and before is None:
        return
    numbers = sorted({*_numbers(settings, customers), *(before or ())})
    tracking.keep(settings, run_id, FILE, msgspec.json.encode(numbers).decode())


def taught_by(settings: Settings, customer: str) -> list[Taught]:
    """The adapters that a customer's conversations trained, newest first within each name."""
    (number,) = _numbers(settings, [customer])
    found = []
    for row in tracking.versions(settings):
        if row.tags.get("kind") != KIND:
            continue
        known = _kept(settings, row.run_id)
        if known is None or number in known:
            served = served_by(settings, row.name, row.version)
            found.append(
                Taught(
                    adapter=row.name,
                    version=row.version,
                    trained="yes" if known is not None else "not known",
                    status=row.tags.get(STATUS, "not gated"),
                    served_as=", ".join(pointer.alias for pointer in served),
                    base=row.tags.get("base", ""),
                    run=row.run_id,
                )
            )
    return found


def untaught(settings: Settings, customer: str) -> int:
    """Take a customer out of every adapter's list; of how many. What an adapter learnt stays."""
    (number,), gone = _numbers(settings, [customer]), 0
    for run in {row.run_id for row in tracking.versions(settings) if row.tags.get("kind") == KIND}:
        known = _kept(settings, run)
        if known is not None and number in known:
            left = sorted(known - {number})
            tracking.keep(settings, run, FILE, msgspec.json.encode(left).decode())
            gone += 1
    return gone


def _kept(settings: Settings, run_id: str) -> frozenset[int] | None:
    try:
        if FILE not in tracking.files(settings, run_id):
            return None
    except NotFound:
        return None
    return frozenset(msgspec.json.decode(tracking.kept(settings, run_id, FILE), type=list[int]))


def _numbers(settings: Settings, customers: Iterable[str]) -> list[int]:
    settings.make_home()
    with closing(Vault(settings.vault)) as vault:
        return vault.stand_ins(f"trained {one}" for one in customers)
