"""How a scorecard is learnt: bins, filters, then a regression on WOE that a validator can accept.

Columns and labels come in, a card goes out with everything that was dropped on the way, and why.
It looks at no row but those it was given. Knows no registry and no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from finmodel.errors import BadInput
from finmodel.manifest import Calibration, Scaling
from finmodel.metrics import CalibrationLine
from finmodel.progress import Progress, silent
from finmodel.records import Float64s, Int64s
from risk.calibrate import Wanted, calibrate
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts
from risk.learning import (
    Judged,
    by_folds,
    judged_once,
    only,
    wanted_of,
)
from risk.recipe import Recipe
from risk.scaling import base_rate_shift
from risk.scorecard.binning import (
    HALF,
    Binned,
    bin_variables,
    half_rows,
    require_edits_hold,
)
from risk.scorecard.bins import Column
from risk.scorecard.card import Scorecard, log_odds_of, scaled
from risk.scorecard.columns import columns_of
from risk.scorecard.regression import Fitted, fit_logistic, met, vif
from risk.scorecard.selection import Reason, Screened, screen, without, woe_of
from risk.scorecard_recipe import ScorecardSpec

Columns = Mapping[str, Column]


@dataclass(frozen=True, slots=True, eq=False)
class CardTeaching:
    """How a card is taught."""

    name: str
    spec: ScorecardSpec
    directions: Mapping[str, int]
    scaling: Scaling
    calibration: Wanted
    """On the validation part, where there is one; without one a stated base rate counts alone."""
    folds: int
    seed: int
    where: str
    """The recipe's file, for sentences."""


@dataclass(frozen=True, slots=True, eq=False)
class LearnedCard:
    """A card, and how it came about."""

    card: Scorecard
    binned: dict[str, Binned]
    screened: list[Screened]
    entered: tuple[str, ...]
    fitted: Fitted
    """The regression before it was calibrated."""
    vif: Float64s
    line: CalibrationLine | None
    """Calibration on the validation part, and to a stated base rate; None where neither was."""
    shift: float = 0.0
    """What a stated base rate added to the log-odds."""


def card_teaching(recipe: Recipe, frame: TrainingFrame) -> CardTeaching:
    """The way of teaching that a recipe asks for; what it names must be in the frame."""
    spec = recipe.scorecard
    assert spec is not None
    table = recipe.source.table
    if table is not None and table.special_values:
        both = dict(table.special_values)
        for name, values in spec.special_values.items():
            both[name] = (*both.get(name, ()), *values)
        try:
            spec = msgspec.structs.replace(spec, special_values=both)
        except ValueError as error:
            where = f"{recipe.file}: scorecard.special_values, with those of source.table"
            raise BadInput(str(error), where=where, remedy="keep one of them") from error
    _require_known(spec, frame, recipe.file)
    return CardTeaching(
        name=recipe.name,
        spec=spec,
        directions={name: int(way) for name, way in recipe.monotone.items()},
        scaling=recipe.scaling,
        calibration=wanted_of(recipe),
        folds=recipe.split.folds,
        seed=recipe.split.seed,
        where=recipe.file,
    )


def learn_card(
    frame: TrainingFrame, parts: Parts, teaching: CardTeaching, progress: Progress = silent
) -> LearnedCard:
    """A card of the part `train`; `valid`, where there is one, tells what moved and calibrates.

    BadInput where an edit by hand does not hold, or where no variable is left.
    """
    columns = columns_of(frame, frame.names, parts.train)
    labels = frame.labels[parts.train]
    later = columns_of(frame, frame.names, parts.valid) if parts.valid.size else None
    binned: dict[str, Binned] = {}
    for number, name in enumerate(frame.names, 1):
        one = {name: columns[name]}
        binned |= bin_variables(one, labels, teaching.spec, teaching.directions)
        progress("variables in bins", number, len(frame.names))
    screened = screen(binned, columns, later, teaching.spec)
    left = [row.name for row in screened if not row.dropped]
    woe = {name: woe_of(binned[name], columns[name]) for name in left}
    some = {name: binned[name] for name in left}
    fitted, entered, dropped = _eliminate(some, woe, labels, teaching)
    design = np.column_stack([woe[name] for name in entered])
    raw = _card(teaching, binned, entered, fitted, None, frame.data_hash)
    seen = None if later is None else log_odds_of(raw, later)
    became = labels if later is None else frame.labels[parts.valid]
    line, shift = _line(became, seen, teaching.calibration)
    card = _card(teaching, binned, entered, fitted, line, frame.data_hash)
    rows = without(screened, dropped)
    return LearnedCard(card, binned, rows, entered, fitted, vif(design), line, shift)


def require_edits(learned: LearnedCard, teaching: CardTeaching) -> None:
    """Refuse bins by hand that do not hold on the rows that teach."""
    require_edits_hold(learned.binned, teaching.spec, teaching.directions, teaching.where)


def judge_card_by_time(frame: TrainingFrame, parts: Parts, learned: LearnedCard) -> Judged:
    """Figures of a card on the part that is later than all it learnt from."""
    columns = columns_of(frame, learned.entered, parts.oot)
    log_odds = log_odds_of(learned.card, columns)
    return judged_once(frame.labels, parts.oot, log_odds, learned.shift)


def judge_card_by_folds(
    frame: TrainingFrame,
    rows: Int64s,
    teaching: CardTeaching,
    repeats: int,
    progress: Progress = silent,
) -> Judged:
    """Mean figures over the other scorer's folds; bins and filters are learnt anew in each."""

    def log_odds(train: Int64s, test: Int64s) -> tuple[Float64s, float]:
        learned = learn_card(frame, only(train), teaching)
        columns = columns_of(frame, learned.entered, test)
        return log_odds_of(learned.card, columns), learned.shift

    def told(_what: str, done: int, total: int) -> None:
        progress("folds of the scorecard", done, total)

    folding = (teaching.folds, repeats, teaching.seed)
    return by_folds(frame.labels, rows, folding, log_odds, told)


def _line(
    labels: Float64s, later: Float64s | None, wanted: Wanted
) -> tuple[CalibrationLine | None, float]:
    """The line on later rows, and what a stated base rate adds; a regression meets its rows' rate.

    `labels` are those of the later rows where there are any.
    """
    if wanted.method == "none" or (later is None and wanted.base_rate is None):
        return None, 0.0
    if later is not None:
        found = calibrate(labels, later, replace(wanted, pricing=False))
        return CalibrationLine(found.slope, found.intercept), base_rate_shift(found)
    rates = Calibration(base_rate=wanted.base_rate or 0.0, sample_rate=float(labels.mean()))
    shift = base_rate_shift(rates)
    return CalibrationLine(1.0, shift), shift


def _eliminate(
    binned: Mapping[str, Binned],
    woe: Mapping[str, Float64s],
    labels: Float64s,
    teaching: CardTeaching,
) -> tuple[Fitted, tuple[str, ...], dict[str, Reason]]:
    """Refit without the worst variable until every sign, p-value and VIF is as it should be."""
    dropped: dict[str, Reason] = {}
    left = list(binned)
    start = None
    while left:
        design = np.column_stack([woe[name] for name in left])
        halves, outcomes = half_rows([binned[name] for name in left])
        fitted = fit_logistic(
            np.concatenate([design, halves]),
            np.concatenate([labels, outcomes]),
            start,
            np.repeat([1.0, HALF], [len(labels), len(outcomes)]),
        )
        worst = _worst(left, fitted, vif(design), teaching.spec)
        if worst is None:
            return met(fitted, design, labels) if len(halves) else fitted, tuple(left), dropped
        name, reason = worst
        dropped[name] = reason
        start = np.delete(fitted.coefficients, left.index(name))
        left.remove(name)
    raise BadInput(
        "no variable is left for a scorecard",
        where=f"{teaching.where}: scorecard",
        remedy="lower iv_min, or give variables that know more of the outcome",
    )


def _worst(
    names: list[str], fitted: Fitted, inflation: Float64s, spec: ScorecardSpec
) -> tuple[str, Reason] | None:
    """The first of: a wrong sign, a VIF too great, a p-value too great; the worst of its kind."""
    lowest = int(fitted.coefficients.argmin())
    if fitted.coefficients[lowest] <= 0.0:
        value = fitted.coefficients[lowest]
        return names[lowest], Reason(
            f"回归系数符号错误：{value:.4f}，应为正",
            f"wrong sign: coefficient {value:.4f}, which should be above 0",
        )
    for zh, en, values, most in (
        ("VIF", "VIF", inflation, spec.vif_max),
        ("p 值", "p-value", fitted.p_values[1:], spec.p_max),
    ):
        place = int(values.argmax())
        if values[place] > most:
            value = values[place]
            return names[place], Reason(
                f"{zh} {value:.4g} 高于 {most:g}", f"{en} {value:.4g} above {most:g}"
            )
    return None


def _card(
    teaching: CardTeaching,
    binned: Mapping[str, Binned],
    entered: tuple[str, ...],
    fitted: Fitted,
    line: CalibrationLine | None,
    data_hash: str,
) -> Scorecard:
    slope, shift = (1.0, 0.0) if line is None else (line.slope, line.intercept)
    if slope <= 0.0:
        raise BadInput(
            "on the validation part its scores run against what became of the customers",
            where=f"{teaching.where}: scorecard",
            remedy="give more rows, or a validation part like the training part",
        )
    parts = tuple(
        (name, binned[name].bins, float(slope * coefficient), tuple(binned[name].woe.tolist()))
        for name, coefficient in zip(entered, fitted.coefficients, strict=True)
    )
    intercept = shift + slope * fitted.intercept
    scale = (teaching.scaling, teaching.spec.decimals)
    return scaled(teaching.name, (intercept, parts), *scale, data_hash)


def _require_known(spec: ScorecardSpec, frame: TrainingFrame, file: str) -> None:
    numeric = set(frame.names) - set(frame.categoricals)
    for key, names, known in (
        ("cuts", spec.cuts, numeric),
        ("groups", spec.groups, set(frame.categoricals)),
        ("special_values", spec.special_values, numeric | {"all"}),
        ("exclude", spec.exclude, set(frame.names)),
    ):
        for name in names:
            if name not in known:
                kind = {"groups": "categorical", "exclude": ""}.get(key, "numeric")
                what = f"{name!r} is no {kind} feature".replace("  ", " ")
                raise BadInput(what, where=f"{file}: scorecard.{key}", remedy="take it out")
