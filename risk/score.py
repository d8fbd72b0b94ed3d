"""Scores of a whole file by the champion that is served: the signed export, not the registry.

A CSV or Parquet file of rows (or of customers, where the model reads the feature store) goes in; a
file of the same length comes out, written aside and renamed, so it is whole or not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_store.plan import ServicePlan, plan_from
from finmodel.errors import BadInput
from finmodel.export import ExportedModel, load_champion
from finmodel.progress import Progress, silent
from finmodel.records import Float32s
from finmodel.settings import Settings
from finmodel.table_columns import ids_of, times_of
from finmodel.table_contract import matrix_of
from finmodel.table_files import read_pieces
from risk.frames.frame import matrix_in
from risk.frames.lender import features_home
from risk.frames.load import known_at
from risk.reasons import reason_table, reasons
from risk.recipe import Recipe
from risk.scaling import calibrated, points_many, probability
from risk.score_output import written_aside

TIME = "event_timestamp"


@dataclass(frozen=True, slots=True)
class Scored:
    """What was scored, and by which model."""

    name: str
    version: int
    rows: int
    unknown: int
    """Rows without a score: nothing was known of the customer at that time."""
    output: str
    mean_pd: float | None


def score_file(
    recipe: Recipe,
    settings: Settings,
    source: Path,
    target: Path,
    progress: Progress = silent,
    with_reasons: bool = False,
) -> Scored:
    """Score a file with the recipe's champion: id, pd, points, and reason codes where asked.

    A customer of whom the feature store knew nothing, or only what had gone stale, has no score.
    Reasons cost some hundred times a score. BadInput names the first row that cannot be read.
    """
    if source.resolve() == target.resolve():
        raise BadInput("input and output are one file", where=str(source), remedy="name another")
    model = load_champion(settings.exports, recipe.name, settings.signing)
    home = features_home(recipe, settings, progress)
    rows, unknown, total = 0, 0, 0.0
    with written_aside(target) as write:
        for piece in _pieces(model, source):
            scored = _score_piece(model, home, piece, str(source), with_reasons)
            write(scored)
            rows, total = rows + len(scored), total + float(scored["pd"].sum())
            unknown += int(scored["pd"].isna().sum())
            progress("rows scored", rows, rows)
        if not rows:
            raise BadInput("it has no rows", where=str(source), remedy="give at least one")
    mean = total / (rows - unknown) if rows > unknown else None
    return Scored(recipe.name, model.manifest.version, rows, unknown, str(target), mean)


def _score_piece(
    model: ExportedModel, settings: Settings, piece: pd.DataFrame, where: str, with_reasons: bool
) -> pd.DataFrame:
    manifest = model.manifest
    ids, matrix = _rows(model, settings, piece, where)
    log_odds = calibrated(model.scorer.raw_many(matrix), manifest.calibration)
    if manifest.table is None:
        log_odds[np.isnan(matrix).all(axis=1)] = np.nan
    scored = pd.DataFrame(
        {"id": ids, "pd": probability(log_odds), "points": points_many(log_odds, manifest.scaling)}
    )
    if with_reasons:
        scored["reasons"] = np.where(np.isnan(log_odds), "", _codes(model, matrix))
    return scored


def _rows(
    model: ExportedModel, settings: Settings, piece: pd.DataFrame, where: str
) -> tuple[npt.NDArray[np.generic], Float32s]:
    table = model.manifest.table
    if table is not None:
        _require(piece, table.entity, where)
        return ids_of(piece, table.entity, where, once=False), matrix_of(piece, table, where)
    plan = plan_from(model.manifest.plan)
    joined = known_at(_spine(plan, settings, piece, where), plan, settings)
    return joined[plan.join_key].to_numpy(), matrix_in(joined, plan.names)


def _spine(plan: ServicePlan, settings: Settings, piece: pd.DataFrame, where: str) -> pd.DataFrame:
    """Customers and times; without a time column, as of now."""
    _require(piece, plan.join_key, where)
    ids_of(piece, plan.join_key, where, once=False)
    times = (
        pd.to_datetime(times_of(piece, TIME, where), utc=True)
        if TIME in piece
        else pd.Timestamp(settings.clock.now())
    )
    return pd.DataFrame({plan.join_key: piece[plan.join_key], TIME: times})


def _pieces(model: ExportedModel, source: Path) -> Iterator[pd.DataFrame]:
    table = model.manifest.table
    if table is not None:
        text = (table.entity, *table.categories)
        return read_pieces(source, text, table.separator, table.encoding)
    plan = plan_from(model.manifest.plan)
    text = (plan.join_key,) if plan.key_type == "string" else ()
    return read_pieces(source, text, ",", "utf-8-sig")


def _codes(model: ExportedModel, matrix: Float32s) -> list[str]:
    manifest = model.manifest
    table = reason_table(
        manifest.features, manifest.reasons, manifest.calibration, manifest.scaling
    )
    contributions = model.scorer.contributions(matrix)
    return [";".join(reason.code for reason in reasons(row, table)) for row in contributions]


def _require(piece: pd.DataFrame, name: str, where: str) -> None:
    if name not in piece:
        raise BadInput(f"there is no column {name!r}", where=where, remedy="give it")
