"""When something happened to whom, out of the archive: one topic's events within some time.

Settings and a topic come in, customers and times go out. For what is counted after the fact, such
as the responses to a campaign; features are computed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_store.archive_key import open_archive
from feature_store.archived_moments import known_until, moments_of
from finmodel.errors import BadInput
from finmodel.events import TOPICS
from finmodel.records import Int64s
from finmodel.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Happened:
    """n events of one topic."""

    customer: Int64s
    at_us: Int64s
    """When each occurred."""
    known_us: int | None = None
    """Up to when all is there that had become known; None where the archive has no such event."""


def happened(settings: Settings, topic: str, since_us: int, until_us: int) -> Happened:
    """A topic's events from one time up to another; NotReady where nothing was ever archived.

    What the archive does not hold yet is not there: who counts must look at `known_us`.
    """
    if topic not in TOPICS:
        raise BadInput(
            "there is no such topic", where=repr(topic), remedy=f"choose of {', '.join(TOPICS)}"
        )
    archive = open_archive(settings)
    if not (archive.folder / topic).is_dir():
        return Happened(np.empty(0, np.int64), np.empty(0, np.int64))
    found = moments_of(archive, topic, span=(since_us, until_us))
    return Happened(found.customers, found.at_us, known_until(archive, topic))
