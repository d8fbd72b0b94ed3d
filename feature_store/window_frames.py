"""Windowed features as of each row of a spine, out of the events' archive.

The rule: as of time t, what a stream would serve that had taken in exactly what was known by t. An
event counts if `known_at <= t`, is on time by its lateness and within the window, each event id of
a customer once, in the order of (known_at, log offset). SQL selects and orders; the kernels that
the stream counts with do all arithmetic. Which engine runs the SQL is not known here.

Events known before `earliest_known` are not read: none of them is in any window, nor is any the
first sending of one that is (its second sending says the same time, and is on time).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa

from feature_store.archive import archive_schema
from feature_store.archive_files import files_of
from feature_store.archive_key import Archive
from feature_store.frame_columns import measured, rows_of
from feature_store.frame_kernels import NOT_ASKED, as_of_each
from feature_store.tile_columns import program_of, rules_of
from feature_store.tile_sections import room_for
from feature_store.window_plan import WindowPlan
from finmodel.errors import Damaged
from finmodel.records import Float32s, Int64s

ORDER = "customer, known_at, turn, log_offset, spine_row"
"""An asked time stands after what was known by it, and before what happened no earlier than it."""
PIECE = 200_000
"""Rows that are computed at once, if one customer has no more than that."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an engine is asked about one view: SQL over `events` and `spine`, and what follows."""

    files: tuple[str, ...]
    """Parquet files of `events`; where there are none it has no rows."""
    schema: pa.Schema
    """Columns of `events`."""
    spine: pa.Table
    """customer, known_at (the time asked about), spine_row."""
    select: str
    """In words that DuckDB and Spark both know; the engine adds how rows are ordered."""
    plan: bytes
    """JSON of the view's plan, for `answers`."""


Engine = Callable[[Question], Iterable[pa.RecordBatch]]
"""Runs a question's SQL, a customer's rows together in `ORDER`, and `answers` over them."""


@dataclass(frozen=True, slots=True, eq=False)
class Spine:
    """Whom and when is asked about."""

    customers: Int64s
    as_of_us: Int64s


def features_of(archive: Archive, plan: WindowPlan, spine: Spine, engine: Engine) -> Float32s:
    """(n, f) a view's features as of each row's own time, in the plan's order.

    NotReady if the view's topic was never archived; Damaged if a part of its archive is missing.
    """
    matrix = np.empty((len(spine.customers), len(plan.aggregates)), dtype=np.float32)
    answered = np.zeros(len(matrix), dtype=np.int64)
    for batch in engine(_question(archive, plan, spine)):
        rows, *columns = (column.to_numpy(zero_copy_only=False) for column in batch.columns)
        matrix[rows] = np.column_stack(columns)
        answered[rows] += 1
    if (answered != 1).any():
        raise Damaged(
            f"{len(answered)} rows were asked and {answered.sum()} answered",
            where=f"view {plan.view}",
            remedy="report it: the engine has lost or repeated rows",
        )
    return matrix


def answers(plan: bytes, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of the spine with their features, out of ordered rows of a question's selection."""
    windows = msgspec.json.decode(plan, type=WindowPlan)
    for table in _whole_customers(batches):
        yield _answer(windows, table)


def answer_schema(plan: WindowPlan) -> pa.Schema:
    """Columns of an answer: the spine's row, then each feature in the plan's order."""
    features = [pa.field(f"f{n}", pa.float32()) for n in range(len(plan.aggregates))]
    return pa.schema([pa.field("spine_row", pa.int64()), *features])


def earliest_known(plan: WindowPlan, as_of_us: int) -> int:
    """Before this, µs, nothing was known that bears on a view as of a time."""
    begins = min(window.begins(as_of_us) for window in plan.tiling.windows)
    return begins - 2 * plan.lateness_us


def _question(archive: Archive, plan: WindowPlan, spine: Spine) -> Question:
    folder = archive.folder / plan.topic
    asked = pa.table(
        {
            "customer": archive.pseudonyms(spine.customers),
            "known_at": pa.array(spine.as_of_us).cast(pa.timestamp("us", "UTC")),
            "spine_row": np.arange(len(spine.customers)),
        }
    )
    since = earliest_known(plan, int(spine.as_of_us.min()))
    return Question(
        tuple(str(folder / one.name) for one in files_of(folder)),
        archive_schema(plan.topic),
        asked,
        _select(plan, since, int(spine.as_of_us.max())),
        msgspec.json.encode(plan),
    )


def _select(plan: WindowPlan, since_us: int, until_us: int) -> str:
    more = measured(plan)
    of_event = "".join(f", {name}" for name in more)
    of_none = "".join(f", NULL AS {name}" for name in more)
    return f"""
        SELECT customer, known_at, CASE WHEN occurred_at < known_at THEN 0 ELSE 2 END AS turn,
            log_offset, CAST({NOT_ASKED} AS BIGINT) AS spine_row, occurred_at, event_id{of_event}
        FROM events
        WHERE customer IN (SELECT customer FROM spine)
            AND known_at >= {_literal(since_us)} AND known_at <= {_literal(until_us)}
        UNION ALL
        SELECT customer, known_at, 1 AS turn, CAST(0 AS BIGINT) AS log_offset,
            spine_row, NULL AS occurred_at, NULL AS event_id{of_none}
        FROM spine
    """


def _literal(at_us: int) -> str:
    """A time as SQL has it where sessions are in UTC."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S.%f}'"


def _whole_customers(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of about `PIECE`, no customer in two of them."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= PIECE:
            table = pa.Table.from_batches(held)
            customers = table["customer"].to_numpy()
            whole = int(np.searchsorted(customers, customers[-1]))
            if whole:
                yield table.slice(0, whole)
            held = table.slice(whole).to_batches()
    if held:
        yield pa.Table.from_batches(held)


def _answer(plan: WindowPlan, table: pa.Table) -> pa.RecordBatch:
    program, rows = program_of(plan), rows_of(plan, table)
    asked = rows.asked[rows.asked != NOT_ASKED]
    found = np.empty((len(asked), len(program.features)), dtype=np.float32)
    room = room_for(program.capacity, program.width)
    features = program.features, program.windows
    as_of_each(rows, rules_of(plan, (0, 0)), features, room, found)
    columns = [pa.array(asked), *(pa.array(column) for column in found.T)]
    return pa.RecordBatch.from_arrays(columns, schema=answer_schema(plan))
