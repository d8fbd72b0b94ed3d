"""What became of logged decisions: as a file says, or as the outcomes that were loaded say.

Decisions come in; 1 (bad) or 0 by decision's id goes out, for those whose window is over.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finmodel import outcome_files
from finmodel.audit_format import parse_id
from finmodel.clock import micros
from finmodel.decision_log import APPLICATION
from finmodel.decision_series import Series
from finmodel.errors import BadInput, NotFound
from finmodel.export import load_export
from finmodel.outcomes import UNKNOWN
from finmodel.pointers import export_folder, find_pointer
from finmodel.settings import Settings
from risk.monitor.cohorts import whole_log
from risk.monitor.followed import Window, follow
from risk.monitor.scan import NOWHERE, Decisions, book_of
from serving.decision_history import Logged
from serving.references import kept_reference


@dataclass(frozen=True, slots=True)
class Maturity:
    """When an outcome is mature, and what is bad; as in monitoring."""

    window_days: int | None = None
    bad_dpd: int | None = None
    """Both as the champion's recipe has them, if not said."""


DEFAULT = Maturity()


def window_of(settings: Settings, model: str, asked: Maturity) -> Window:
    """Until now, by what is asked; else by the champion's recipe; else 180 days and 30 past due.

    The champion's for every decision, so that a bad is the same of each version that decided.
    """
    days, bad_dpd = _built_with(settings, model)
    now = micros(settings.clock.now())
    return Window(now, asked.window_days or days, asked.bad_dpd or bad_dpd)


def _built_with(settings: Settings, model: str) -> tuple[int, int]:
    """Days and days past due that were kept when the champion was trained, as monitoring has it."""
    usual = Window(0)
    pointer = find_pointer(settings.exports, model, settings.signing)
    if pointer is not None:
        folder = export_folder(settings.exports, model, pointer.version)
        run = load_export(folder, settings.signing).manifest.run_id
        if kept := kept_reference(settings, run):
            return kept.window_days, kept.bad_dpd
    return usual.days, usual.bad_dpd


def matured(settings: Settings, rows: Sequence[Logged], window: Window) -> dict[str, int]:
    """Outcomes that were loaded, by decision, of the decisions that have matured by now."""
    count = len(rows)
    lies = [parse_id(one.entry.id)[:2] for one in rows]
    stand_ins = [int(one.entry.columns.get(APPLICATION, NOWHERE)) for one in rows]
    decisions = Decisions(
        time_us=np.array([one.entry.time_us for one in rows], np.int64),
        period=np.zeros(count, np.int32),
        points=np.zeros(count),
        probability=np.zeros(count),
        answer=np.zeros(count, np.uint8),
        application=np.array(stand_ins, np.int64),
        place=np.array([(segment << 32) + offset for segment, offset in lies], np.int64),
    )
    outcomes = outcome_files.kept_in(settings.outcomes)
    book = book_of(Series(settings.audit, settings.imported))
    log = whole_log(book, outcomes, window.days, window.bad_dpd)
    labels = follow(decisions, outcomes, window, log).label
    told = zip(rows, labels.tolist(), strict=True)
    return {one.entry.id: label for one, label in told if label != UNKNOWN}


def read_outcomes(path: Path) -> dict[str, int]:
    """Matured outcomes by decision, from a CSV with the columns decision_id and bad."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            read = csv.DictReader(lines)
            if not {"decision_id", "bad"} <= set(read.fieldnames or ()):
                raise BadInput(
                    "it lacks the columns decision_id and bad",
                    where=str(path),
                    remedy="name them in its first line",
                )
            outcomes: dict[str, int] = {}
            for number, line in enumerate(read, start=2):
                _take(outcomes, line, f"{path}: line {number}")
    except FileNotFoundError as error:
        raise NotFound("no such file", where=str(path), remedy="name a CSV") from error
    except UnicodeDecodeError as error:
        raise BadInput("it is not UTF-8 text", where=str(path), remedy="save it so") from error
    return outcomes


def _take(outcomes: dict[str, int], line: Mapping[str, str], where: str) -> None:
    told, name = (line["bad"] or "").strip(), (line["decision_id"] or "").strip()
    if told not in ("0", "1") or not name:
        raise BadInput("bad is not 0 or 1, or no decision is named", where=where, remedy="mend it")
    if outcomes.setdefault(name, int(told)) != int(told):
        raise BadInput(
            "this decision has two outcomes that disagree", where=where, remedy="keep the true one"
        )
