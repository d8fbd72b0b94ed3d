"""From archived columns to the arrays that a view's measures read, as the stream reads events.

Whole customers' rows of a selection come in, each an event or an asked time; arrays go out. Texts
are looked at once for each word that stands in them. Knows no file and no SQL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_store.event_measures import wanted
from feature_store.event_table import number_of
from feature_store.frame_kernels import Rows
from feature_store.tile_sections import Incoming
from feature_store.window_plan import Measure, WindowPlan
from finmodel.records import Int64s

FIXED = ("customer", "known_at", "log_offset", "spine_row", "occurred_at", "event_id")
"""What every row has; an asked time has no offset, no time of its own and no id."""
_VALUELESS = {"count", "time_since_last"}
"""Functions that only ask whether and when."""


def measured(plan: WindowPlan) -> tuple[str, ...]:
    """Columns that a plan's measures read beside the fixed ones."""
    named = {stored(name) for one in plan.measures for name in (one.column, one.field) if name}
    return tuple(sorted(named - set(FIXED)))


def stored(field: str) -> str:
    """The archive's column of an event's field; of whom it is, stands as a pseudonym."""
    return "customer" if field == "customer_id" else field


def rows_of(plan: WindowPlan, table: pa.Table) -> Rows:
    """Whole customers' rows as the compiled loop reads them."""
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    customers = _numbers(columns["customer"])
    n, measures = len(table), plan.measures
    values = np.zeros((n, len(measures)), dtype=np.int64)
    present = np.zeros((n, len(measures)), dtype=np.bool_)
    for m, measure in enumerate(measures):
        present[:, m] = _present(plan.topic, columns, measure)
        if any(a.measure == measure and a.function not in _VALUELESS for a in plan.aggregates):
            values[:, m] = _numbers(columns[stored(measure.column)])
    events = Incoming(
        starts=np.append(np.flatnonzero(np.append(True, np.diff(customers) != 0)), n),
        event_us=_numbers(columns["occurred_at"]),
        logged_us=_numbers(columns["known_at"]),
        offsets=_numbers(columns["log_offset"]),
        ids=_codes(columns["event_id"]),
        values=values,
        present=present,
    )
    return Rows(events, _numbers(columns["spine_row"]))


def _numbers(column: pa.Array) -> Int64s:
    """The whole number of each value, as `event_table.number_of` has it; 0 for none."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _of_words(column)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.array(_plain(column.cast(pa.int64()).fill_null(0)))


def _codes(column: pa.Array) -> npt.NDArray[np.uint64]:
    """A number for each text, the same for the same text: ids are only ever compared."""
    codes: npt.NDArray[np.int32] = _plain(column.dictionary_encode().indices.fill_null(0))
    return codes.astype(np.uint64)


def _present(topic: str, columns: dict[str, pa.Array], measure: Measure) -> npt.NDArray[np.bool_]:
    """Whether each row is an event with the measure's column that passes its filter."""
    there: npt.NDArray[np.bool_] = _plain(pc.is_valid(columns[stored(measure.column)])).copy()
    if measure.field:
        there &= _numbers(columns[stored(measure.field)]) == wanted(topic, measure)
    return there


def _of_words(column: pa.Array) -> Int64s:
    """The number of each text, asked once for equal ones; 0 for none."""
    encoded = column.dictionary_encode()
    words = np.array([number_of(word) for word in encoded.dictionary.to_pylist()] or [0])
    found: Int64s = words[_plain(encoded.indices.fill_null(0))]
    found[_plain(pc.is_null(column))] = 0
    return found


def _plain(column: pa.Array) -> npt.NDArray[Any]:
    """A column without nulls as NumPy has it."""
    found: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found
