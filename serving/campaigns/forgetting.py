"""One customer's rows out of the plans' signed folders, which are signed anew without them.

Settings and a customer come in, how many rows goes out. The recipe, the figures and every other
customer's row stay as they were; that a list was changed stands in the entry of the erasure.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finmodel.retention import Found
from finmodel.settings import Settings
from finmodel.signed_folders import mend_replaced, replace_signed
from serving.campaigns.plan import CONTACTS, OPTIONS, plan_files, plan_folder

STORE = "campaign plans"
_KEY = "customer_id"


def held_in_plans(settings: Settings, customer: int) -> Found:
    """A customer's rows in contact lists and tables of actions."""
    plans = _plans(settings)
    return Found(STORE, sum(_without(plan_files(settings, *one), customer)[1] for one in plans))


def forget_in_plans(settings: Settings, customer: int) -> int:
    """Sign those plans anew without them; how many rows there were."""
    gone = 0
    for plan in _plans(settings):
        files, rows = _without(plan_files(settings, *plan), customer)
        if rows:
            replace_signed(plan_folder(settings, *plan), files, settings.signing)
        gone += rows
    return gone


def _plans(settings: Settings) -> Iterator[tuple[str, int]]:
    for campaign in sorted((settings.marketing / "campaigns").glob("*")):
        mend_replaced(campaign)
        for plan in sorted(campaign.glob("[0-9]*"), key=lambda one: int(one.name)):
            yield campaign.name, int(plan.name)


def _without(files: dict[str, bytes], customer: int) -> tuple[dict[str, bytes], int]:
    lines = files[CONTACTS].splitlines(keepends=True)
    # The first two columns are ids: never in quotes.
    kept = [line for line in lines if line.split(b",", 2)[1].decode() != str(customer)]
    table = pq.read_table(pa.BufferReader(files[OPTIONS]))
    left = table.filter(pc.not_equal(table[_KEY], customer))
    rows = len(lines) - len(kept) + len(table) - len(left)
    if not rows:
        return files, 0
    sink = io.BytesIO()
    pq.write_table(left, sink, compression="zstd")
    return files | {CONTACTS: b"".join(kept), OPTIONS: sink.getvalue()}, rows
