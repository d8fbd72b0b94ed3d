"""The decisions behind a point of a monitor: their ids, times, points, answers and outcomes.

A kept result and a point come in, the newest such decisions come out. What columns can tell is
looked up in them; what rests on a feature or a view is read from the log, the newest segment first,
until there are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from finmodel.audit_entries import id_at, time_of
from finmodel.audit_side import Piece
from finmodel.decision_series import Series
from finmodel.drift import bin_of
from finmodel.errors import BadInput, NotFound
from finmodel.imported_files import is_imported
from finmodel.records import Int64s
from finmodel.settings import Settings
from risk.monitor.points import OUTCOMES, Columns, Point, VariableCells, rows_of
from risk.policy.answers import ANSWERS
from serving.monitoring.asked import Behind, DecisionBehind
from serving.monitoring.kept import Mapped, Result, mapped
from serving.schemas import STATES

SHOWN = 200


def behind(settings: Settings, result: Result, point: Point) -> Behind:
    """The decisions of a point, the newest `SHOWN` of them."""
    found = mapped(settings, result)
    rows = rows_of(found.columns, result.periods, point)
    test = _vector_test(found, point)
    if test is None:
        chosen = rows[::-1][:SHOWN]
        return _told(settings, found.columns, chosen, len(rows))
    chosen = np.fromiter(islice(_matching(settings, found.columns, rows, test), SHOWN), np.int64)
    return _told(settings, found.columns, chosen, len(chosen) if len(chosen) < SHOWN else None)


def variable(found: Mapped, name: str) -> VariableCells:
    """A variable by its name; NotFound where the model has no such one."""
    for one in found.variables:
        if one.name == name:
            return one
    raise NotFound(
        "the model has no such variable", where=name[:60], remedy="name one of the panel's"
    )


Test = tuple[str, Callable[[Piece], npt.NDArray[np.bool_]]]


def _vector_test(found: Mapped, point: Point) -> Test | None:
    """The column that must be read, and what it must hold; None where the point needs none.

    NotFound for a variable that there is not, BadInput where half of a pair is told.
    """
    _require_whole(found, point)
    if point.variable is not None and point.cell is not None:
        one, cell = variable(found, point.variable), point.cell

        def in_cell(piece: Piece) -> npt.NDArray[np.bool_]:
            place = one.place
            if piece.features is not None:
                if one.name not in piece.features:
                    return np.zeros(len(piece), bool)
                place = piece.features.index(one.name)
            held: npt.NDArray[np.bool_] = (
                bin_of(one.bins, piece.columns["vector"][:, place]) == cell
            )
            return held

        return "vector", in_cell
    if point.view is not None and point.state is not None:
        view, state = point.view, STATES.index(point.state)
        return "states", lambda piece: _in_state(piece, view, state)
    return None


def _require_whole(found: Mapped, point: Point) -> None:
    if point.variable is not None:
        variable(found, point.variable)
    for one, other, names in (
        (point.variable, point.cell, ("variable", "cell")),
        (point.view, point.state, ("view", "state")),
    ):
        if (one is None) != (other is None):
            told, lacking = names if other is None else names[::-1]
            raise BadInput(
                f"it has a {told} and no {lacking}", where="point", remedy="give both or neither"
            )


def _in_state(piece: Piece, view: str, state: int) -> npt.NDArray[np.bool_]:
    views = next((tuple(body["views"]) for body in piece.bodies.values()), ())
    if view not in views:  # an imported decision has none
        return np.zeros(len(piece), bool)
    held: npt.NDArray[np.bool_] = piece.columns["states"][:, views.index(view)] == state
    return held


def _matching(settings: Settings, columns: Columns, rows: Int64s, test: Test) -> Iterator[int]:
    """Rows whose decision holds the test, the newest first."""
    column, holds = test
    series = Series(settings.audit, settings.imported)
    places = columns["place"][rows]
    for number in np.unique(places >> 32)[::-1].tolist():
        mine = rows[(places >> 32) == number]
        held = [np.empty(0, np.int64)]
        for piece in series.pieces(number, only=(column,)):
            held.append(piece.at[holds(piece)] + (number << 32))
        yield from mine[np.isin(columns["place"][mine], np.concatenate(held))][::-1].tolist()


def _told(settings: Settings, columns: Columns, rows: Int64s, n: int | None) -> Behind:
    series = Series(settings.audit, settings.imported)
    return Behind(n, tuple(_decision(series, columns, row) for row in rows.tolist()))


def _decision(series: Series, columns: Columns, row: int) -> DecisionBehind:
    return DecisionBehind(
        decision_id=_name(series, int(columns["place"][row])),
        at=time_of(int(columns["time_us"][row])),
        points=float(columns["points"][row]),
        decision=ANSWERS[columns["answer"][row]],
        outcome=OUTCOMES[int(columns["label"][row])],
    )


def _name(series: Series, place: int) -> str:
    if is_imported(place):
        return series.imported_name(place)
    return id_at(series.audit, place >> 32, place & 0xFFFFFFFF)
