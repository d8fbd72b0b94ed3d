"""A model that somebody registered from a notebook, judged by a recipe as if it had made it.

Nothing that was logged with it is believed. Its own parameters, read from its text, are judged on
the recipe's rows by folds or by time, and the model itself must reach the thresholds too. What it
lacks is named in one sentence, all of it.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np

from finmodel import registry, tracking
from finmodel.boosting import header_of, parameters_in
from finmodel.errors import BadInput, Damaged, Refused
from finmodel.gate import Evidence, Itself, figures_in, judge
from finmodel.metrics import auc, brier, ks
from finmodel.progress import Progress, silent
from finmodel.records import Person
from finmodel.scorer import Scorer
from finmodel.settings import Settings
from finmodel.tracking import Candidate
from risk.document.keeping import keep_document
from risk.draft import draft_manifest
from risk.frames.frame import TrainingFrame
from risk.gate_population import Studied, population_of
from risk.learning import (
    Learned,
    Teaching,
    learn,
)
from risk.recipe import Recipe
from risk.scaling import probability
from risk.train import Ready, Trained, evidence_of, judged_on, oracle_of, prepare, trained_of


def adopt(
    recipe: Recipe,
    settings: Settings,
    version: int,
    person: Person,
    progress: Progress = silent,
) -> Trained:
    """Gate a registered version by a recipe; it can be promoted afterwards if it passed."""
    candidate = tracking.fetch(settings, recipe.name, version)
    ready = prepare(recipe, settings, progress)
    lacks = what_it_lacks(candidate, ready.frame)
    if lacks:
        raise Refused(
            f"it lacks: {'; '.join(lacks)}",
            where=candidate.where,
            remedy="log it again as docs/risk_recipes.md shows",
        )
    ready = replace(ready, teaching=own_teaching(candidate.text, ready.teaching))
    learned, evidence = _evidence(recipe, settings, candidate, ready, progress)
    verdict = judge(recipe.gate, evidence)
    origin = {
        "version": version,
        "run_id": candidate.run_id,
        "trained_by": _trainer(candidate),
        "demo": candidate.tags.get("demo") == "true",
        "verdict": verdict,
        "metrics": figures_in(verdict),
    }
    draft = draft_manifest(recipe, ready.frame, learned, ready.parts.train, origin)
    registry.record_verdict(settings, draft, verdict, person)
    keep_document(settings, recipe.name, version)
    return trained_of(recipe, ready.frame, verdict, origin)


def what_it_lacks(candidate: Candidate, frame: TrainingFrame) -> list[str]:
    """Everything that stands between a registered model and the gate."""
    lacks = []
    if not candidate.run_id:
        lacks.append("the run that it came from")
    if not _trainer(candidate):
        lacks.append("its trainer's name (tag trained_by)")
    if not candidate.text:
        logged = candidate.flavour or "another flavour"
        return [*lacks, f"a native lightgbm.Booster ({logged} was logged: log its booster_)"]
    lacks += model_lacks(candidate.text)
    lacks += _of_the_features(candidate, frame)
    return lacks


def model_lacks(text: str) -> list[str]:
    """What of a model's text no gate can judge."""
    head, lacks = header_of(text), []
    if head.get("objective") != "binary sigmoid:1":
        lacks.append(f"the objective binary (it has {head.get('objective', 'none')!r})")
    if re.search(r"^is_linear=1$", text, re.M):
        lacks.append("leaves that are numbers (linear trees have no contributions)")
    pandas_categories = text.rpartition("pandas_categorical:")[2].strip()
    if pandas_categories not in ("", "null", "[]"):
        lacks.append("categoricals as codes (it holds pandas categories)")
    return lacks


def _of_the_features(candidate: Candidate, frame: TrainingFrame) -> list[str]:
    names = tuple(header_of(candidate.text).get("feature_names", "").split(" "))
    lacks = []
    absent = [name for name in frame.names if name not in names]
    unknown = [name for name in names if name not in frame.names]
    if absent:
        lacks.append(f"features of {frame.service or frame.where}: {_some(absent)}")
    if unknown:
        lacks.append(f"a source for its own features {_some(unknown)}")
    if not absent and not unknown and names != frame.names:
        lacks.append("the order of features that the source gives")
    if candidate.signature and candidate.signature != names:
        lacks.append("a signature with the model's own feature names")
    if not candidate.signature:
        lacks.append("a signature (log it with signature= or input_example=)")
    return lacks


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _trainer(candidate: Candidate) -> str:
    return candidate.tags.get(registry.TRAINED_BY) or candidate.run_user


def own_teaching(text: str, recipes: Teaching) -> Teaching:
    """The model's own parameters and number of trees, judged as the recipe judges."""
    params, rounds = parameters_in(text)
    threads = {"num_threads": recipes.params["num_threads"]}
    return replace(recipes, params=params | threads, rounds=rounds, early_stopping=None)


def _evidence(
    recipe: Recipe, settings: Settings, candidate: Candidate, ready: Ready, progress: Progress
) -> tuple[Learned, Evidence]:
    again = learn(ready.frame, ready.parts, ready.teaching, progress)
    try:
        scorer = Scorer.from_text(candidate.text)
    except (BadInput, Damaged) as error:
        raise Refused(f"it lacks: trees ({error})", where=candidate.where) from error
    learned = Learned(candidate.text, scorer, again.calibration)
    judged = judged_on(ready, again, recipe.split.repeats, progress)
    oracle = oracle_of(settings, candidate.source, ready.frame)
    evidence = evidence_of(recipe, ready.frame, learned, judged, oracle)
    studied = Studied(recipe, ready.frame, ready.parts, learned, judged)
    population = population_of(settings, studied)
    itself = itself_of(ready.frame, learned)
    return learned, replace(evidence, itself=itself, population=population)


def itself_of(frame: TrainingFrame, learned: Learned) -> Itself:
    """The logged model's own figures, with the calibration that it would be served with."""
    log_odds = learned.log_odds(frame, np.arange(len(frame)))
    labels, given = frame.labels, probability(log_odds - learned.shift)
    mean, rate = float(given.mean()), float(labels.mean())
    shift = math.log(mean / (1 - mean) * (1 - rate) / rate)
    return Itself(auc(labels, given), ks(labels, given), brier(labels, given), shift)
