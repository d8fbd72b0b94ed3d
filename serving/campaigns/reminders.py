"""`finmodel campaign reminders`: overdue customers in the order in which to remind them.

Settings and a person come in; a list goes out, and an entry of the audit log that names it. The
champion of the willingness to repay is asked, and nothing else is made of what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from feature_store.online_reader import open_features
from finmodel.acts import audited
from finmodel.durable import replace_file
from finmodel.errors import BadInput
from finmodel.records import Float64s, Int64s, Person
from finmodel.settings import Settings
from marketing.campaign.expected import CustomerModel
from marketing.campaign.reminders import order_of, to_remind
from marketing.ledger.customers import standing_of
from marketing.ledger.file import open_ledger
from marketing.models import open_model
from serving.campaigns.scoring import PIECE, Reading

MODEL = "repayment_willingness"
Opening = Callable[[Settings], CustomerModel]


@dataclass(frozen=True, slots=True)
class Reminders:
    """What was written."""

    model: str
    version: int
    customers: int
    not_scored: int
    """Of whom the store has no feature: the last ones of the list."""
    open_complaint: int
    """Overdue, and in no list: a person looks at the complaint first."""
    output: str
    audit_entry: str


def open_willingness(settings: Settings) -> CustomerModel:
    """The champion; NotReady where none was promoted."""
    return open_model(settings.exports, MODEL, settings.signing)


def order_reminders(
    settings: Settings, output: Path, person: Person, opening: Opening = open_willingness
) -> Reminders:
    """Write the list: rank, customer, willingness, model, and as of when."""
    model, now = opening(settings), settings.clock.now()
    with closing(open_ledger(settings)) as ledger:
        standing = standing_of(ledger)
    wanted = to_remind(standing)
    if not wanted.any():
        raise BadInput(
            "nobody is overdue without an open complaint",
            where="the ledger",
            remedy="bring how customers stand up to date: finmodel campaign customers FILE",
        )
    customers = standing.customer[wanted]
    willingness = _willingness(settings, model, customers, now)
    order = order_of(customers, willingness)
    listed = _list(customers[order], willingness[order], model, now)
    replace_file(output.absolute(), listed)
    manifest = model.manifest
    facts = {
        "by": person.name,
        "model": f"{manifest.name} {manifest.version}",
        "customers": len(customers),
        "file_sha256": sha256(listed).hexdigest(),
    }
    return Reminders(
        model=manifest.name,
        version=manifest.version,
        customers=len(customers),
        not_scored=int(np.isnan(willingness).sum()),
        open_complaint=int((standing.overdue & standing.open_complaint).sum()),
        output=str(output),
        audit_entry=audited(settings, "reminders_ordered", facts),
    )


def _willingness(
    settings: Settings, model: CustomerModel, customers: Int64s, now: datetime
) -> Float64s:
    """(n,) NaN for who has no feature at all."""
    found = np.full(len(customers), np.nan)
    with closing(open_features(settings)) as features:
        for start in range(0, len(customers), PIECE):
            piece = slice(start, start + PIECE)
            reading = Reading(features, customers[piece], now)
            found[piece] = model.propensity(reading.matrix(model))
            found[piece][reading.nobody(model)] = np.nan
    return found


def _list(customers: Int64s, willingness: Float64s, model: CustomerModel, now: datetime) -> bytes:
    manifest = model.manifest
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, len(customers) + 1),
            "customer_id": customers,
            "willingness": willingness,
            "model": f"{manifest.name} {manifest.version}",
            "as_of": now.astimezone(UTC).isoformat(),
        }
    )
    return frame.to_csv(index=False).encode()
