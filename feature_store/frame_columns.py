"""From archived columns to the arrays that a view's measures read, as the stream reads events.

Whole customers' rows of a selection come in, each an event or an asked time; arrays go out. Texts
are looked at once for each word that stands in them. Knows no file and no SQL.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_store.arrow_numbers import numbers, plain
from feature_store.event_measures import wanted
from feature_store.frame_kernels import Rows
from feature_store.tile_sections import Incoming
from feature_store.window_plan import Measure, WindowPlan

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
    customers = numbers(columns["customer"])
    n, measures = len(table), plan.measures
    values = np.zeros((n, len(measures)), dtype=np.int64)
    present = np.zeros((n, len(measures)), dtype=np.bool_)
    for m, measure in enumerate(measures):
        present[:, m] = _present(plan.topic, columns, measure)
        if any(a.measure == measure and a.function not in _VALUELESS for a in plan.aggregates):
            values[:, m] = numbers(columns[stored(measure.column)])
    events = Incoming(
        starts=np.append(np.flatnonzero(np.append(True, np.diff(customers) != 0)), n),
        event_us=numbers(columns["occurred_at"]),
        logged_us=numbers(columns["known_at"]),
        offsets=numbers(columns["log_offset"]),
        ids=_codes(columns["event_id"]),
        values=values,
        present=present,
    )
    return Rows(events, numbers(columns["spine_row"]))


def _codes(column: pa.Array) -> npt.NDArray[np.uint64]:
    """A number for each text, the same for the same text: ids are only ever compared."""
    codes: npt.NDArray[np.int32] = plain(column.dictionary_encode().indices.fill_null(0))
    return codes.astype(np.uint64)


def _present(topic: str, columns: dict[str, pa.Array], measure: Measure) -> npt.NDArray[np.bool_]:
    """Whether each row is an event with the measure's column that passes its filter."""
    there: npt.NDArray[np.bool_] = plain(pc.is_valid(columns[stored(measure.column)])).copy()
    if measure.field:
        there &= numbers(columns[stored(measure.field)]) == wanted(topic, measure)
    return there
