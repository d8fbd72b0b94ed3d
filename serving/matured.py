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
from finmodel.clock import micros
from finmodel.decision_log import APPLICATION
from finmodel.errors import BadInput, NotFound
from finmodel.outcomes import UNKNOWN
from finmodel.settings import Settings
from risk.monitor.cohorts import looked_past
from risk.monitor.followed import Window, follow
from risk.monitor.scan import NOWHERE, Decisions, book_of
from serving.decision_history import Logged


@dataclass(frozen=True, slots=True)
class Maturity:
    """When an outcome is mature, and what is bad; as in monitoring."""

    window_days: int = 180
    bad_dpd: int = 30


DEFAULT = Maturity()


def matured(settings: Settings, rows: Sequence[Logged], maturity: Maturity) -> dict[str, int]:
    """Outcomes that were loaded, by decision, of the decisions that have matured by now."""
    count = len(rows)
    stand_ins = [int(one.entry.columns.get(APPLICATION, NOWHERE)) for one in rows]
    decisions = Decisions(
        time_us=np.array([one.entry.time_us for one in rows], np.int64),
        period=np.zeros(count, np.int32),
        points=np.zeros(count),
        probability=np.zeros(count),
        answer=np.zeros(count, np.uint8),
        application=np.array(stand_ins, np.int64),
        place=np.arange(count),
    )
    window = Window(micros(settings.clock.now()), maturity.window_days, maturity.bad_dpd)
    outcomes = outcome_files.kept_in(settings.outcomes)
    weeks = looked_past(book_of(settings.audit), outcomes, window.days, window.bad_dpd)
    labels = follow(decisions, outcomes, window, weeks).label
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
