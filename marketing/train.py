"""From a marketing recipe to a registered model with its gate's verdict.

The story: read the rows, part them by time, teach, judge on rows that nothing knew, keep everything
in MLflow, prove parity, register, and record the verdict. Interrupted, it leaves a run marked
KILLED and nothing registered.
"""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from finmodel import boosting, registry, tracking
from finmodel.errors import BadInput
from finmodel.export import UPLIFT
from finmodel.figures import figures_of
from finmodel.gate import Evidence, failures, figures_in, judge
from finmodel.log_odds import probability
from finmodel.manifest import Check, Verdict
from finmodel.progress import Progress, silent
from finmodel.proof import drawn, parity
from finmodel.records import Float64s, Int64s, Person
from finmodel.run_hours import processor_s
from finmodel.settings import Settings
from marketing.draft import draft_manifest, uplift_text
from marketing.effects.balance import Difference, differences, require_randomised
from marketing.frame import CONTROL, Frame
from marketing.frames import load_frame
from marketing.gate import of_uplift, told_lift, with_checks
from marketing.labels import Parts, lift_in_top
from marketing.learning import (
    Effects,
    Response,
    learn_effects,
    learn_response,
    pooled,
    who_responds,
)
from marketing.recipe import MarketingRecipe
from marketing.report import (
    FILE,
    MarketingReport,
    UpliftReport,
    balanced,
    deciles_of,
    importance_of,
    uplift_report,
)

EXPLAINED = 2_000
"""Rows whose contributions tell which features count."""
OBSERVATIONAL = (
    "observational: chance did not decide who was treated; effects are differences between those"
    " who were chosen, not what the treatment did"
)
ALL = "all treatments"


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
    learner: str = ""
    """Of uplift: the kind that the validation part chose."""
    treatments: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """All that was taught, and on which rows."""

    frame: Frame
    parts: Parts
    response: Response
    effects: Effects | None
    balance: list[Difference]


def train(
    recipe: MarketingRecipe, settings: Settings, person: Person, progress: Progress = silent
) -> Trained:
    """Train a recipe, judge it, and register it.

    A version whose gate did not pass is registered too, so that it can be seen; it is never served.
    """
    started, began = time.monotonic(), processor_s()
    registry.require_trainer(person, recipe.name)
    frame = load_frame(recipe, settings, progress)
    parts = frame.parts(recipe.split)
    balance = _balance(recipe, frame)
    tags = _tags(recipe, frame, person)
    with tracking.run(settings, recipe.name, tags, since=began) as run:
        run.log(_params(recipe, frame), {})
        response = learn_response(frame, parts, recipe, progress)
        effects = None
        if recipe.model == "uplift":
            effects = learn_effects(frame, parts, recipe, progress)
        learned = Learned(frame, parts, response, effects, balance)
        source = run.log_model(response.text, frame.names)
        verdict, report = judged(recipe, settings, learned, source)
        run.log({}, figures_in(verdict))
        uplift = uplift_text(effects)
        _keep(settings, run.id, recipe, report, uplift)
    version = tracking.register(settings, recipe.name, source, run.id, tags)
    origin = {
        "version": version,
        "run_id": run.id,
        "trained_by": person.name,
        "demo": person.demo,
        "verdict": verdict,
        "metrics": figures_in(verdict),
    }
    draft = draft_manifest(recipe, frame, response, uplift, origin)
    registry.record_verdict(settings, draft, verdict, person)
    return _told(recipe, learned, draft.version, verdict, run.id, time.monotonic() - started)


def refuse_folds(recipe: MarketingRecipe) -> None:
    """What `--cv` cannot do for a model that time judges."""
    raise BadInput(
        "it is judged on later rows alone: folds would judge it by rows that are older than what"
        " it learnt from",
        where=f"{recipe.file}: --cv",
        remedy="leave --cv out, and read the figures of the out-of-time part",
    )


def judged(
    recipe: MarketingRecipe, settings: Settings, learned: Learned, source: str
) -> tuple[Verdict, MarketingReport]:
    """The verdict and the report, both of rows that neither taught nor steered."""
    frame, parts, response = learned.frame, learned.parts, learned.response
    rows = who_responds(frame, parts.oot)
    labels, log_odds = frame.labels[rows], response.log_odds(frame.matrix[rows])
    seen = drawn(frame.matrix, recipe.gate.parity_rows, recipe.split.seed)
    evidence = Evidence(
        figures=figures_of(labels, log_odds),
        sample="out of time" if frame.is_timed else "rows drawn apart",
        out_of_time=frame.is_timed,
        parity=parity(
            response.scorer, lambda m: tracking.predict(settings, source, m, frame.names), seen
        ),
        parity_rows=len(seen),
    )
    uplift = _uplift_reports(learned)
    checks: list[Check] = [told_lift(lift_in_top(labels, log_odds))]
    if uplift:
        checks += of_uplift(recipe.uplift_gate, uplift[0])
    verdict = with_checks(judge(recipe.gate, evidence), checks, _notes(recipe, learned))
    return verdict, _report(recipe, learned, verdict, (labels, probability(log_odds)), uplift)


def _balance(recipe: MarketingRecipe, frame: Frame) -> list[Difference]:
    """How far each treatment's rows and control differ before it; refused where chance did not."""
    told = frame.treatments
    if told is None:
        return []
    found: list[Difference] = []
    for place, name in enumerate(told.names, 1):
        rows = np.flatnonzero(np.isin(told.given, (CONTROL, place)))
        treated, matrix = told.given[rows] == place, frame.matrix[rows]
        if recipe.observational:
            found += differences(matrix, frame.names, treated)
        else:
            where = f"{recipe.file}: treatment {name}"
            found += require_randomised(matrix, frame.names, treated, where)
    return sorted(found, key=lambda one: (not one.alarm, -abs(one.sds)))


def _notes(recipe: MarketingRecipe, learned: Learned) -> tuple[str, ...]:
    told = list(learned.frame.notes)
    if learned.parts.purged:
        told.append(
            f"{learned.parts.purged} rows purged: their label window reaches into a later part"
        )
    if recipe.observational:
        worst = learned.balance[0]
        told.append(f"{OBSERVATIONAL}; largest difference {worst.name} by {worst.sds:+.2f} sd")
    return tuple(told)


def _uplift_reports(learned: Learned) -> tuple[UpliftReport, ...]:
    """Of all treatments together, then of each against control."""
    effects, frame, rows = learned.effects, learned.frame, learned.parts.oot
    if effects is None:
        return ()
    trial = frame.given(rows)
    found = [uplift_report(ALL, pooled(effects.of(trial.matrix), frame), trial.trial)]
    for place, name in enumerate(effects.models, 1):
        trial = frame.given(rows, place)
        found.append(uplift_report(name, effects.of(trial.matrix)[:, place - 1], trial.trial))
    return tuple(found[: 1 if len(effects.models) == 1 else None])


def _report(
    recipe: MarketingRecipe,
    learned: Learned,
    verdict: Verdict,
    told: tuple[Float64s, Float64s],
    uplift: tuple[UpliftReport, ...],
) -> MarketingReport:
    frame, parts, effects = learned.frame, learned.parts, learned.effects
    by_part: dict[str, Int64s] = {"train": parts.train, "valid": parts.valid, "oot": parts.oot}
    seen = drawn(frame.matrix, EXPLAINED, recipe.split.seed)[:-1]
    return MarketingReport(
        sample=verdict.sample,
        label={"zh": recipe.label.words.zh, "en": recipe.label.words.en},
        rows={name: len(rows) for name, rows in by_part.items()} | {"purged": parts.purged},
        response_rate={n: float(frame.labels[rows].mean()) for n, rows in by_part.items()},
        deciles=deciles_of(*told),
        importance=importance_of(learned.response.scorer.contributions(seen), frame.names),
        learner=effects.kind if effects else "",
        chosen_by=dict(effects.chosen_by) if effects else {},
        uplift=uplift,
        balance=balanced(learned.balance),
        notes=verdict.notes,
    )


def _tags(recipe: MarketingRecipe, frame: Frame, person: Person) -> dict[str, str]:
    return {
        registry.TRAINED_BY: person.name,
        "demo": str(person.demo).lower(),
        "model": recipe.model,
        "label": recipe.label.words.en,
        "data_hash": frame.data_hash,
        "feast.feature_service": frame.service,
        "lightgbm": boosting.version(),
    }


def _params(recipe: MarketingRecipe, frame: Frame) -> dict[str, Any]:
    return msgspec.structs.asdict(recipe.params) | {
        "rows": len(frame),
        "responses": int(frame.labels.sum()),
        "features": len(frame.names),
        "half_life_days": recipe.half_life_days,
        "observational": recipe.observational,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
    }


def _keep(
    settings: Settings,
    run_id: str,
    recipe: MarketingRecipe,
    report: MarketingReport,
    uplift: str,
) -> None:
    told = msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    tracking.keep(settings, run_id, "recipe.yaml", recipe.text)
    tracking.keep(settings, run_id, FILE, told)
    if uplift:
        tracking.keep(settings, run_id, UPLIFT, uplift)


def _told(
    recipe: MarketingRecipe,
    learned: Learned,
    version: int,
    verdict: Verdict,
    run_id: str,
    seconds: float,
) -> Trained:
    effects = learned.effects
    return Trained(
        name=recipe.name,
        version=version,
        passed=verdict.passed,
        failures=failures(verdict),
        sample=verdict.sample,
        notes=verdict.notes,
        metrics=figures_in(verdict),
        rows=len(learned.frame),
        features=len(learned.frame.names),
        run_id=run_id,
        seconds=seconds,
        learner=effects.kind if effects else "",
        treatments=tuple(effects.models) if effects else (),
    )
