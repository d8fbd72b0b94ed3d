"""`finmodel archive` and `finmodel backfill`: events kept as Parquet, and features out of them.

Comes in: settings, and files that a person names. Goes out: what was archived; a file of features
as they were known at each row's time, written aside and renamed. How features are computed is the
feature store's business.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from feature_store.archive import Archived, archive_log
from feature_store.archive_compaction import compact
from feature_store.archive_key import make_archive
from feature_store.dead_letters import PassedOver
from feature_store.offline import TIME, training_frame
from finmodel.clock import ZONED
from finmodel.errors import BadInput
from finmodel.progress import Progress
from finmodel.settings import Settings
from finmodel.table_files import read_table
from risk.score_output import written_aside
from serving.streaming import Source, open_log


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What was written."""

    service: str
    rows: int
    features: int
    engine: str
    output: str


def archive_events(
    settings: Settings, source: Source, progress: Progress | None = None
) -> list[Archived]:
    """Bring the archive up to the end of the file event log, or of Kafka's."""
    with ExitStack() as stack:
        log, _ = open_log(settings, source, stack, PassedOver())
        archive = make_archive(settings)
        archived = archive_log(log, archive, at_least=1, progress=progress)
        compact(archive)
    return archived


def backfill(
    settings: Settings,
    service: str,
    spine: Path,
    output: Path,
    engine: str = "duckdb",
    progress: Progress | None = None,
) -> Backfilled:
    """A service's features as of each row of a file: customer_id, event_timestamp with its zone.

    The rows keep their order and what else they have. BadInput names what cannot be read.
    """
    if spine.resolve() == output.resolve():
        raise BadInput("spine and output are one file", where=str(spine), remedy="name another")
    with written_aside(output) as write:
        asked = _spine(spine)
        frame = training_frame(settings, asked, service, engine, progress)
        write(frame)
    added = len(frame.columns) - len(asked.columns)
    return Backfilled(service, len(frame), added, engine, str(output))


def _spine(path: Path) -> pd.DataFrame:
    """A file's rows, with times as times where a CSV has them as text."""
    rows = read_table(path, (), ",", "utf-8")
    if TIME not in rows or pd.api.types.is_datetime64_any_dtype(rows[TIME]):
        return rows
    texts = rows[TIME].astype(str)
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    wrong = times.isna() | ~texts.str.contains(ZONED)
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        raise BadInput(
            f"{TIME} {texts.iloc[place]!r} is not a time with its zone",
            where=f"{path}: row {place + 1}",
            remedy="write it as 2024-03-01T00:00:00+08:00",
        )
    return rows.assign(**{TIME: times})
