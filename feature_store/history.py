"""From events to features over time: snapshots of every view, one Parquet file a view.

sql/months.sql says what was known when; each other file in sql/ is a view, named as in the Feast
definitions. A snapshot rests only on events known by its time. This module knows no Feast.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd

from feature_store.event_columns import read_columns
from feature_store.event_log import EventLog
from finmodel.errors import BadInput, NoRoom
from finmodel.events import AccountStatusObserved, RepaymentReceived, StatementIssued
from finmodel.progress import Progress, teller
from finmodel.settings import Settings

SQL = Path(__file__).with_name("sql")
MONTHS = "months"
VIEWS: tuple[str, ...] = tuple(
    sorted(path.stem for path in SQL.glob("*.sql") if path.stem != MONTHS)
)
"""Views of behaviour that are made from events."""
PROFILE = "customer_profile"
"""The view that is made from a table of attributes, for audits only."""
ZONE = "Asia/Taipei"
"""Where the lender's months begin and end."""
_TABLES = {
    "statements": StatementIssued,
    "repayments": RepaymentReceived,
    "statuses": AccountStatusObserved,
}


def build(
    settings: Settings, log: EventLog, *, zone: str = ZONE, progress: Progress | None = None
) -> dict[str, int]:
    """Snapshots of every view from all events of a log, in place of those before; rows of each.

    All files are written aside, then put in place; a crash leaves the old ones.
    """
    steps = len(_TABLES) + 1 + len(VIEWS)
    tell = teller("history", steps, progress)
    with _connection(settings.offline) as (connection, aside):
        for table, kind in _TABLES.items():
            columns = read_columns(log, str(kind.__struct_config__.tag))
            connection.register(table, columns)
            tell()
        connection.execute("SET VARIABLE zone = ?", [zone])
        connection.execute((SQL / f"{MONTHS}.sql").read_text())
        tell()
        counts = {}
        for view in VIEWS:
            counts[view] = _write_view(connection, view, aside / f"{view}.parquet")
            tell()
        for view in VIEWS:
            os.replace(aside / f"{view}.parquet", settings.offline / f"{view}.parquet")
    return counts


def write_profile(settings: Settings, attributes: pd.DataFrame) -> int:
    """The audit-only view from a table: customer_id, event_timestamp and attributes; its rows."""
    missing = {"customer_id", "event_timestamp"} - set(attributes.columns)
    if missing:
        raise BadInput(f"no column {', '.join(sorted(missing))}", where=PROFILE)
    with _connection(settings.offline) as (connection, aside):
        connection.register(PROFILE, attributes)
        count = _write(connection, f"SELECT * FROM {PROFILE}", aside / f"{PROFILE}.parquet")
        os.replace(aside / f"{PROFILE}.parquet", settings.offline / f"{PROFILE}.parquet")
    return count


def _write_view(connection: duckdb.DuckDBPyConnection, view: str, path: Path) -> int:
    return _write(connection, (SQL / f"{view}.sql").read_text(), path)


def _write(connection: duckdb.DuckDBPyConnection, select: str, path: Path) -> int:
    """A select's rows as Parquet: float32 features, and when the row was made.

    That is the time it was known: building again from the same log makes the same bytes. A row that
    is put in later must say so in `created_timestamp`, and is then unseen by earlier spines.
    """
    keys = "customer_id, event_timestamp"
    written = connection.execute(
        f"""COPY (
            SELECT {keys}, event_timestamp AS created_timestamp,
                CAST(COLUMNS(* EXCLUDE ({keys})) AS FLOAT)
            FROM ({select})
            ORDER BY {keys}
        ) TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)"""
    ).fetchone()
    return int(written[0]) if written else 0


@contextmanager
def _connection(offline: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """DuckDB, and a folder beside the views' files that is gone afterwards, whatever happens."""
    aside = offline / f".aside-{os.getpid()}"
    aside.mkdir(parents=True, exist_ok=True)
    try:
        with duckdb.connect(":memory:", config={"temp_directory": str(aside)}) as connection:
            yield connection, aside
    except duckdb.IOException as error:
        raise NoRoom(
            f"cannot write the views: {error}", where=str(offline), remedy="make room on the disk"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
