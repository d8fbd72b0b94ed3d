"""From a recipe to a registered model with its gate's verdict.

The story: read the frame, judge the way of teaching on rows it never saw, teach, keep everything in
MLflow, prove parity, register, and record the verdict. Interrupted, it leaves a run marked KILLED
and nothing registered.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from finmodel import boosting, registry, tracking
from finmodel.gate import NO_OUT_OF_TIME, Evidence, Itself, failures, figures_in, judge
from finmodel.manifest import Verdict
from finmodel.metrics import calibration_table
from finmodel.progress import Progress, silent
from finmodel.proof import drawn, monotone_breaks, parity
from finmodel.records import Float32s, Float64s, Person
from finmodel.run_hours import processor_s
from finmodel.settings import Settings
from risk.document.keeping import keep_document
from risk.draft import draft_manifest, reason_groups
from risk.frames.frame import TrainingFrame
from risk.frames.load import load_frame
from risk.frames.split import Parts, split_by_time
from risk.gate_population import Studied, population_of
from risk.groups import group_report
from risk.labels.rule import LabelRule
from risk.learning import (
    Judged,
    Learned,
    Teaching,
    judge_by_folds,
    judge_by_time,
    learn,
    only,
    teaching_of,
)
from risk.monitor.reference import FILE as REFERENCE_FILE
from risk.monitor.reference import BuildSample, Reference, reference_of
from risk.recipe import Recipe
from risk.report.record import REPORT_FILE
from risk.report.sheets import Development, report_of
from risk.scaling import points_many, probability
from risk.scorecard.side_by_side import card_digest, comparison, judge_side, keep_side, learn_side

REFERENCE_CONTRIBUTIONS = 4_000
"""Of so many rows of the build sample monitoring keeps the mean contributions."""


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Rows, how they are parted, and how they teach."""

    frame: TrainingFrame
    parts: Parts
    teaching: Teaching


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A model that was judged, kept beside its run and not registered yet."""

    of: Development
    verdict: Verdict
    source: str
    """Its address in MLflow."""
    run_id: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A registered version and what the gate said of it."""

    name: str
    version: int
    passed: bool
    failures: str
    sample: str
    notes: tuple[str, ...]
    metrics: dict[str, float]
    rows: int
    features: int
    run_id: str
    seconds: float
    comparison: dict[str, dict[str, float]] = field(default_factory=dict)
    """Scorecard and trees side by side, figure by figure; empty without a scorecard."""


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Mean figures over folds, with their standard deviations."""

    name: str
    sample: str
    rows: int
    features: int
    auc: float
    auc_sd: float
    ks: float
    ks_sd: float
    brier: float
    calibration_slope: float
    calibration_intercept: float
    out_of_time: str
    seconds: float
    comparison: dict[str, dict[str, float]] = field(default_factory=dict)
    """Scorecard and trees on the same folds, figure by figure; empty without a scorecard."""


def train(
    recipe: Recipe,
    settings: Settings,
    person: Person,
    progress: Progress = silent,
    *,
    repeats: int | None = None,
) -> Trained:
    """Train a recipe, judge it, and register it; folds are gone through as it says, or `repeats`.

    A version whose gate did not pass is registered too, so that it can be seen; it is never served.
    """
    started, began = time.monotonic(), processor_s()
    registry.require_trainer(person, recipe.name)
    ready = prepare(recipe, settings, progress)
    frame = ready.frame
    side = learn_side(recipe, frame, ready.parts, progress)
    tags = tags_of(recipe, frame, person)
    with tracking.run(settings, recipe.name, tags, since=began) as run:
        run.log(_params(recipe, frame), {})
        learned = learn(frame, ready.parts, ready.teaching, progress)
        often = recipe.split.repeats if repeats is None else repeats
        judged = judged_on(ready, learned, often, progress)
        judged_side = judge_side(side, frame, ready.parts, often, progress)
        kept = keep_judged(
            settings,
            run,
            Development(recipe, frame, ready.parts, learned, judged, side, judged_side),
        )
    trained = register_judged(settings, kept, tags, person)
    keep_document(settings, trained.name, trained.version)
    return replace(
        trained,
        seconds=time.monotonic() - started,
        comparison=comparison(judged, judged_side),
    )


def keep_judged(
    settings: Settings, run: tracking.Run, of: Development, itself: Itself | None = None
) -> Kept:
    """Keep a model that was judged, with its gate's verdict and all reports, beside a run.

    `itself` is what a model from elsewhere shows on all rows.
    """
    recipe, frame, judged = of.recipe, of.frame, of.judged
    source = run.log_model(of.learned.text, frame.names)
    evidence = evidence_of(recipe, frame, of.learned, judged, oracle_of(settings, source, frame))
    evidence = replace(
        evidence,
        population=population_of(settings, Studied(recipe, frame, of.parts, of.learned, judged)),
        card=None if of.judged_side is None else of.judged_side.figures,
        itself=itself,
    )
    verdict = judge(recipe.gate, evidence)
    run.log({}, figures_in(verdict) | judged.spread_named)
    if of.side is not None and of.judged_side is not None:
        keep_side(settings, run, of.side, of.judged_side)
    _keep_reports(settings, run.id, replace(of, verdict=verdict))
    reference = _reference(recipe, of.learned, frame, judged)
    tracking.keep(settings, run.id, REFERENCE_FILE, _json(reference))
    return Kept(of, verdict, source, run.id)


def register_judged(
    settings: Settings, kept: Kept, tags: dict[str, str], person: Person
) -> Trained:
    """Register what was kept as the next version, with its verdict in the audit log.

    Its document is for the caller to keep, once all is told of it.
    """
    of, verdict = kept.of, kept.verdict
    version = tracking.register(settings, of.recipe.name, kept.source, kept.run_id, tags)
    origin = {
        "version": version,
        "run_id": kept.run_id,
        "trained_by": person.name,
        "demo": person.demo,
        "verdict": verdict,
        "metrics": figures_in(verdict),
        "card_sha256": card_digest(of.side),
    }
    draft = draft_manifest(of.recipe, of.frame, of.learned, of.parts.train, origin)
    registry.record_verdict(settings, draft, verdict, person)
    return trained_of(of.recipe, of.frame, verdict, origin)


def cross_validate(
    recipe: Recipe, settings: Settings, progress: Progress = silent, *, repeats: int | None = None
) -> CrossValidation:
    """Judge a recipe by its folds, and register nothing."""
    started = time.monotonic()
    ready = prepare(recipe, settings, progress)
    frame, parts = ready.frame, ready.parts
    side = learn_side(recipe, frame, parts, progress)
    often = recipe.split.repeats if repeats is None else repeats
    judged = judge_by_folds(frame, parts.train, ready.teaching, often, progress)
    judged_side = judge_side(side, frame, only(parts.train), often, progress)
    return CrossValidation(
        name=recipe.name,
        sample=judged.sample,
        rows=len(parts.train),
        features=len(frame.names),
        auc=judged.figures.auc,
        auc_sd=judged.spread.auc,
        ks=judged.figures.ks,
        ks_sd=judged.spread.ks,
        brier=judged.figures.brier,
        calibration_slope=judged.figures.calibration_slope,
        calibration_intercept=judged.figures.calibration_intercept,
        out_of_time="kept apart" if parts.by_time else NO_OUT_OF_TIME,
        seconds=time.monotonic() - started,
        comparison=comparison(judged, judged_side),
    )


def prepare(recipe: Recipe, settings: Settings, progress: Progress = silent) -> Ready:
    """Read the frame and part it; what a recipe asks that the data cannot give is refused here."""
    frame = load_frame(recipe, settings, progress)
    reason_groups(recipe, frame.names)
    parts = split_by_time(frame.times, recipe.split, frame.labels, frame.where)
    return Ready(frame, parts, teaching_of(recipe))


def judged_on(ready: Ready, learned: Learned, repeats: int, progress: Progress) -> Judged:
    """Judge a model on later rows where there are any, else its way of teaching by folds."""
    if ready.parts.by_time:
        return judge_by_time(ready.frame, ready.parts, learned)
    return judge_by_folds(ready.frame, ready.parts.train, ready.teaching, repeats, progress)


def evidence_of(
    recipe: Recipe,
    frame: TrainingFrame,
    learned: Learned,
    judged: Judged,
    oracle: Callable[[Float32s], Float64s],
) -> Evidence:
    """Everything that the gate asks for."""
    rows = drawn(frame.matrix, recipe.gate.parity_rows, recipe.split.seed)
    breaks = None
    if recipe.monotone:
        breaks = monotone_breaks(
            learned.scorer, frame.names, recipe.monotone, frame.matrix, recipe.split.seed
        )
    return Evidence(
        figures=judged.figures,
        sample=judged.sample,
        out_of_time=judged.out_of_time,
        parity=parity(learned.scorer, oracle, rows),
        parity_rows=len(rows),
        monotone_breaks=breaks,
    )


def oracle_of(
    settings: Settings, source: str, frame: TrainingFrame
) -> Callable[[Float32s], Float64s]:
    """The logged model as MLflow itself computes it."""
    return lambda rows: tracking.predict(settings, source, rows, frame.names)


def tags_of(recipe: Recipe, frame: TrainingFrame, person: Person) -> dict[str, str]:
    """What a version's run and its registration are found by."""
    return {
        registry.TRAINED_BY: person.name,
        "demo": str(person.demo).lower(),
        "card": recipe.card,
        "decision_point": recipe.decision_point,
        "data_hash": frame.data_hash,
        "feast.feature_service": frame.service,
        "lightgbm": boosting.version(),
    }


def _params(recipe: Recipe, frame: TrainingFrame) -> dict[str, Any]:
    return msgspec.structs.asdict(recipe.params) | {
        "rows": len(frame),
        "bads": int(frame.labels.sum()),
        "features": len(frame.names),
        "calibration": recipe.calibration,
        "base_rate": recipe.base_rate,
        "pricing_pd": recipe.pricing_pd,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
    }


def _keep_reports(settings: Settings, run_id: str, development: Development) -> None:
    recipe, frame, judged = development.recipe, development.frame, development.judged
    labels = frame.labels[judged.rows]
    audit = {name: groups[judged.rows] for name, groups in frame.audit.items()}
    scores = judged.log_odds, judged.of_sample
    groups = group_report(audit, labels, scores, (recipe.policy, recipe.scaling))
    table = calibration_table(labels, probability(judged.of_sample))
    tracking.keep(settings, run_id, "recipe.yaml", recipe.text)
    tracking.keep(settings, run_id, "groups.json", _json(groups))
    tracking.keep(settings, run_id, "calibration.json", _json(table))
    if frame.followed is not None:
        tracking.keep(settings, run_id, "cohorts.json", _json(frame.followed.cohorts))
    tracking.keep(settings, run_id, REPORT_FILE, _json(report_of(development)))


def _reference(recipe: Recipe, learned: Learned, frame: TrainingFrame, judged: Judged) -> Reference:
    """What monitoring compares with: points by models that did not see the row."""
    rows = frame.matrix[judged.rows]
    seen = drawn(rows, REFERENCE_CONTRIBUTIONS, recipe.split.seed)[:-1]
    built = BuildSample(
        names=frame.names,
        matrix=rows,
        points=points_many(judged.log_odds, recipe.scaling),
        labels=frame.labels[judged.rows],
        contributions=learned.scorer.contributions(seen),
    )
    found = reference_of(built, f"build sample: {judged.sample}", categoricals=frame.categoricals)
    if not isinstance(recipe.label, LabelRule):
        return found
    days, dpd = recipe.label.followed
    return msgspec.structs.replace(found, window_days=days, bad_dpd=dpd)


def _json(rows: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(rows), indent=2).decode()


def trained_of(
    recipe: Recipe,
    frame: TrainingFrame,
    verdict: Verdict,
    origin: dict[str, Any],
    seconds: float = 0.0,
) -> Trained:
    """What a person is told of a version that was judged."""
    return Trained(
        name=recipe.name,
        version=origin["version"],
        passed=verdict.passed,
        failures=failures(verdict),
        sample=verdict.sample,
        notes=verdict.notes + (frame.followed.notes if frame.followed else ()),
        metrics=origin["metrics"],
        rows=len(frame),
        features=len(frame.names),
        run_id=origin["run_id"],
        seconds=seconds,
    )
