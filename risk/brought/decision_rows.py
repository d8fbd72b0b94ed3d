"""Rows of a lender's decisions as our columns, piece by piece, and why some cannot be read.

A data frame and where it has what come in; columns, ids, facts and refusals by row go out. It joins
nothing to what is there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from finmodel.decision_log import FACTS, facts_code
from finmodel.imported import AMOUNT, NOT_TOLD, REASON, TIME, Columns, code_of
from finmodel.records import Float64s, Int64s
from risk import scaling
from risk.brought.codes import is_code, not_codes
from risk.brought.mapping import Amount, DecisionColumns, Names, Points, Versions, Words, column_of
from risk.brought.values import Rows, require_columns

_LARGEST: Final = 1e15
_LEAST_PD: Final = 1e-9
_FEN: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class ReadDecisions:
    """n rows as they could be read; where a row is refused its values mean nothing."""

    applications: list[str]
    customers: tuple[Int64s, list[str]] | None
    """(n,) the place of each row's among the different ones, and those."""
    columns: Columns
    """(n, ...) of `imported`'s columns, and `vector`."""
    bodies: dict[int, dict[str, Any]]
    """The facts that each number of the facts' column stands for."""
    reasons: dict[int, str]
    refused: dict[int, str]


def text_of(told: DecisionColumns, csv: bool) -> tuple[str, ...]:
    """The lender's columns that are to be read as text; of a CSV times too."""
    times = told.decided_at if csv else None
    texts = (told.application_id, times, told.decision, told.customer_id, told.product,
             told.channel, told.reasons)  # fmt: skip
    words = (one for one in (told.model, told.version) if isinstance(one, Names | Versions))
    return tuple(column_of(one) for one in (*texts, *words) if one is not None)


def require_all(frame: pd.DataFrame, told: DecisionColumns, where: str) -> None:
    """BadInput where the file lacks a column that the mapping names."""
    require_columns(frame, _named(told), where, "mend the mapping, or give the column")


def read_decisions(rows: Rows, told: DecisionColumns, now_us: int) -> ReadDecisions:
    """Each row's values, or why it has none."""
    applications = rows.ids(told.application_id, "application id")
    customers = None if told.customer_id is None else rows.coded(told.customer_id)
    time_us = rows.times(told.decided_at, "decided_at")
    rows.refuse(time_us > now_us, "it was decided later than now")
    rows.refuse(time_us < 0, "it was decided before 1970")
    facts, bodies = _facts(rows, told)
    points, probability = _scores(rows, told)
    reason, reasons = _reasons(rows, told)
    columns = {
        TIME: time_us,
        FACTS: facts,
        "points": points,
        "probability": probability,
        AMOUNT: _amounts(rows, told.amount),
        REASON: reason,
        "vector": _vector(rows, told.features),
    }
    return ReadDecisions(applications, customers, columns, bodies, reasons, rows.refused)


def _named(told: DecisionColumns) -> Iterator[tuple[str, str]]:
    for ours in told.__struct_fields__:
        theirs = getattr(told, ours)
        constant = ours == "model" and isinstance(theirs, str)
        if isinstance(theirs, str) and not constant:
            yield ours, theirs
        elif hasattr(theirs, "column"):
            yield ours, column_of(theirs)
    yield from told.features.items()


def _facts(rows: Rows, told: DecisionColumns) -> tuple[Int64s, dict[int, dict[str, Any]]]:
    """(n,) the number of each row's facts, and what each number stands for."""
    parts = {
        "model": _constant_or_words(rows, told.model, "model"),
        "version": _constant_or_words(rows, told.version, "version"),
        "decision": rows.words(told.decision.column, told.decision.values, "the decision"),
        "product": _words(rows, told.product, "product"),
        "channel": _words(rows, told.channel, "channel"),
    }
    sizes = [len(meant) for _, meant in parts.values()]
    kinds = np.ravel_multi_index([codes for codes, _ in parts.values()], sizes)
    different, kind = np.unique(kinds, return_inverse=True)
    bodies: dict[int, dict[str, Any]] = {}
    numbers = []
    for places in zip(*np.unravel_index(different, sizes), strict=True):
        body = {
            name: meant[at] for (name, (_, meant)), at in zip(parts.items(), places, strict=True)
        }
        body = {**body, "views": (), "imported": True}
        numbers.append(facts_code(body))
        # A row whose facts are not all known is refused, and its facts stand for nothing.
        if None not in (body["model"], body["version"], body["decision"]):
            bodies[numbers[-1]] = body
    return np.array(numbers, np.int64)[kind], bodies


def _constant_or_words(rows: Rows, told: Any, name: str) -> tuple[Int64s, list[Any]]:
    if isinstance(told, Words | Names | Versions):
        return rows.words(told.column, told.values, f"the {name}")
    return np.zeros(len(rows.frame), np.int64), [told]


def _words(rows: Rows, told: str | Words | None, name: str) -> tuple[Int64s, list[Any]]:
    if told is None or isinstance(told, Words):
        return _constant_or_words(rows, told, name)
    codes, words = _codes(rows, told, name)
    return codes, [one or None for one in words]


def _codes(rows: Rows, column: str, ours: str) -> tuple[Int64s, list[str]]:
    """(n,) the place of each row's code, and the codes; rows of free text are refused, and it is
    not among them."""
    codes, words = rows.coded(column)
    fits = np.array([is_code(word) for word in words], bool)
    rows.refuse(~fits[codes], not_codes(ours))
    return codes, [word if fit else "" for word, fit in zip(words, fits, strict=True)]


def _scores(rows: Rows, told: DecisionColumns) -> tuple[Float64s, Float64s]:
    """(n,) points and (n,) probabilities of default; NaN where there is none."""
    probability = np.full(len(rows.frame), np.nan)
    if told.probability is not None:
        says = "a number from 0 to 1"
        probability = rows.numbers(told.probability, "the probability", (0.0, 1.0), says)
    if told.points is not None:
        column, ends = column_of(told.points), (-_LARGEST, _LARGEST)
        points = rows.numbers(column, "the points", ends, "a number")
        riskier = isinstance(told.points, Points) and told.points.higher == "riskier"
        return (-points if riskier else points), probability
    held = np.clip(probability, _LEAST_PD, 1.0 - _LEAST_PD)
    return scaling.points_many(np.log(held / (1.0 - held)), told.scaling), probability


def _amounts(rows: Rows, told: Amount | None) -> Int64s:
    """(n,) 分, or NOT_TOLD."""
    if told is None:
        return np.full(len(rows.frame), NOT_TOLD)
    unit = _FEN if told.unit == "yuan" else 1
    says = f"an amount in {'元, with at most two decimals' if unit > 1 else '分'}"
    given = rows.numbers(told.column, "the amount", (0.0, _LARGEST / _FEN), says) * unit
    whole = np.round(given)
    rows.refuse(np.abs(given - whole) > 1e-4, f"the amount is not {says}")
    return np.where(np.isnan(whole), NOT_TOLD, whole).astype(np.int64)


def _reasons(rows: Rows, told: DecisionColumns) -> tuple[Int64s, dict[int, str]]:
    if told.reasons is None:
        return np.zeros(len(rows.frame), np.int64), {}
    codes, words = _codes(rows, told.reasons, "reasons")
    numbers = [code_of(word) for word in words]
    kept = {number: word for number, word in zip(numbers, words, strict=True) if number}
    return np.array(numbers, np.int64)[codes], kept


def _vector(rows: Rows, features: dict[str, str]) -> Any:
    """(n, f) float32, as features are."""
    found = np.empty((len(rows.frame), len(features)), np.float32)
    for place, (name, column) in enumerate(features.items()):
        ends = (-3.4e38, 3.4e38)
        found[:, place] = rows.numbers(column, f"the feature {name}", ends, "a number")
    return found
