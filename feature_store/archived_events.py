"""When something happened to whom, out of the archive: one topic's events within some time.

Settings and a topic come in, customers and times go out. For what is counted after the fact, such
as the responses to a campaign; features are computed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feature_store.archive_files import files_of
from feature_store.archive_key import open_archive
from finmodel.errors import BadInput, Damaged
from finmodel.events import TOPICS
from finmodel.records import Int64s
from finmodel.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Happened:
    """n events of one topic."""

    customer: Int64s
    at_us: Int64s
    """When each occurred."""


def happened(settings: Settings, topic: str, since_us: int, until_us: int) -> Happened:
    """A topic's events from one time up to another; NotReady where nothing was ever archived."""
    if topic not in TOPICS:
        raise BadInput(
            "there is no such topic", where=repr(topic), remedy=f"choose of {', '.join(TOPICS)}"
        )
    archive = open_archive(settings)
    folder = archive.folder / topic
    customers, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for file in files_of(folder) if folder.is_dir() else ():
        try:
            table = pq.read_table(folder / file.name, columns=["customer", "occurred_at"])
        except (pa.ArrowException, OSError) as error:
            raise Damaged(
                "it cannot be read as archived events",
                where=str(folder / file.name),
                remedy="restore the archive from a backup, or archive anew",
            ) from error
        at = pc.cast(table["occurred_at"], pa.timestamp("us", "UTC"))
        at_us = pc.cast(at, pa.int64()).to_numpy()
        within = (at_us >= since_us) & (at_us < until_us)
        customers.append(table["customer"].to_numpy()[within])
        times.append(at_us[within])
    return Happened(archive.customers(np.concatenate(customers)), np.concatenate(times))
