"""From conversations to an adapter in MLflow: prepared, trained, evaluated, judged, registered.

A recipe, a base's directory and conversations come in; what was made goes out, with its figures.
A run that was stopped goes on where it was. Which adapter is served is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from fine_tune.bases.base import Base
from fine_tune.bases.noted import with_noted_digest
from fine_tune.judging.assay import Assay
from fine_tune.judging.gates import verdict
from fine_tune.judging.memorised import Memorised, memorised
from fine_tune.kept import ready_of
from fine_tune.lessons.canaries import Canary, canaries
from fine_tune.lessons.prepare import Prepared
from fine_tune.lessons.steps import Plan, plan_of
from fine_tune.network import processes
from fine_tune.network.layers import compile_layers, decoder
from fine_tune.network.machine import best_device, give_back_freed_memory
from fine_tune.network.model import load_base
from fine_tune.planning.fit import Fit, fit_layers
from fine_tune.planning.out_of_memory import (
    BY_PLAN,
    loading_told,
    memory_told,
    require_room,
    what_fits,
)
from fine_tune.planning.precision import dtype_of
from fine_tune.ready import Ready, Source
from fine_tune.recipe import Recipe, essence
from fine_tune.training import under_way
from fine_tune.training.effort import Effort, effort_of, in_words
from fine_tune.training.pair_run import (
    held_out_pairs,
    pair_figures,
    weighed,
)
from fine_tune.training.start import KIND, find_start, started, told
from fine_tune.training.train import Step, Trained, train
from finmodel import tracking
from finmodel.durable import make_folder
from finmodel.progress import Progress, silent
from finmodel.settings import Settings
from finmodel.signed_adapters import weights_digest
from finmodel.trained_on import keep_customers

REPLIES, RECIPE = "replies.json", "recipe.json"
_BASE, _READY = "base.json", "ready.msgpack"
"""Beside the folders of a recipe's runs until one is over: its base's hashes, what it reads."""
_JUDGE_AGAIN: Final = (
    "what was learnt is kept: give the command again where that much more memory is free, and it "
    "is judged without learning again"
)
ADAPTER = KIND


@dataclass(frozen=True, slots=True)
class Tuned:
    """An adapter, and what it is worth."""

    name: str
    version: int
    run: str
    base: str
    """Digest of the base that it belongs to."""
    weights: str
    """Digest of its files."""
    passed: bool
    reasons: tuple[str, ...]
    """Why it did not pass."""
    figures: Mapping[str, float]
    left_out: Mapping[str, int]


Record = Callable[["Tuned"], None]


def tune(
    settings: Settings,
    recipe: Recipe,
    base: Base,
    material: Source,
    progress: Progress = silent,
    record: Record = lambda _: None,
) -> Tuned | None:
    """Make an adapter of a base by a recipe, and register it with the verdict of its gates.

    `record` is told of it before what would let the run go on is removed: killed at any moment, a
    run costs the steps since its last checkpoint and maybe its judging, and is registered once.
    Several processes that a launcher started share one run; None in all of them but the first.
    """
    begun, progress = time.perf_counter(), processes.join(recipe.packs, progress)
    beside = settings.home / "tuning" / recipe.name
    make_folder(beside)
    base = with_noted_digest(base, beside / _BASE, keep=processes.first())
    start = find_start(settings, recipe, base)
    ready = ready_of(material, recipe, base, beside / _READY, progress)
    run = identity(recipe, base, ready.prepared, told(start))
    folder = beside / run[:16]
    made = _Made(settings, recipe, base, ready, start, run, folder)
    with under_way.held(folder):
        done = made.registered()
        if not processes.most(done is not None):  # the first alone looks, and all must know
            done = made.tuned(progress, begun)
        if done is not None:
            record(done)
            for kept in (_BASE, _READY):
                (beside / kept).unlink(missing_ok=True)
            under_way.remove(folder)
    return done


@dataclass(frozen=True, slots=True)
class _Made:
    """A run: of what it is made, and where."""

    settings: Settings
    recipe: Recipe
    base: Base
    ready: Ready
    start: tracking.VersionTags | None
    run: str
    folder: Path

    def registered(self) -> Tuned | None:
        """What an earlier life registered, and did not live to record."""
        before = under_way.tracked_before(self.folder)
        known = tracking.versions(self.settings, self.recipe.name) if before else []
        one = next((version for version in known if version.run_id == before), None)
        if one is None or not processes.first():
            return None
        with tracking.brought(self.settings, before, ADAPTER) as files:
            weights = weights_digest(files)
        figures = tracking.figures(self.settings, before)
        return self._told(one.version, before, weights, figures)

    def tuned(self, progress: Progress, begun: float) -> Tuned | None:
        """Learn, judge, register."""
        recipe, base, ready = self.recipe, self.base, self.ready
        planted = canaries(recipe.canaries, recipe.seed)
        plan = plan_of(ready.learnt, recipe, ready.rehearsed)
        judge = Assay(base, recipe.length, ready.held_out)
        model = _model(self.settings, recipe, base, self.start, self.folder)
        with self._tracked() as tracked:
            fit = _fitted(model, plan, recipe, self.folder)
            with memory_told("weighing pairs", "preference", partial(_smaller, model, recipe)):
                plan = weighed(model, plan, recipe, self.folder, progress)
                held_out = held_out_pairs(model, ready.prepared, recipe, base)
            effort = effort_of(model, plan, recipe, self.folder, begun)
            if tracked is not None:
                tracked.hours.count_by(effort.spent)
            report = _reporter(tracked, progress, effort)
            done = train(model, plan, recipe, self.folder, self.run, report)
            # The base has not changed: a run that goes on need not wait for what it is worth.
            figures = _effort(plan, done) | effort.figures(done.seconds)  # judging takes its time
            with memory_told("judging", "all steps are done", lambda: _JUDGE_AGAIN):
                figures |= judge.both(model, progress)
                figures |= pair_figures(model, held_out, recipe)
                figures |= _of_canaries(memorised(model, base, _learnt(planted, plan), progress))
            if tracked is None:
                return None
            _log(tracked, recipe, str(model.dtype), fit, figures)
            return self._registered(model, tracked, judge.written, figures)

    def _registered(
        self, model: Any, tracked: tracking.Run, written: Any, figures: Mapping[str, float]
    ) -> Tuned:
        settings, name = self.settings, self.recipe.name
        tracking.keep(settings, tracked.id, REPLIES, msgspec.json.encode(written).decode())
        source, weights = _log_adapter(model, tracked)
        before = self.start.run_id if self.start else ""
        keep_customers(settings, tracked.id, self.ready.prepared.customers, before)
        passed, reasons = verdict(self.recipe, figures)
        tags = self._tags() | {
            "gate": "passed" if passed else "failed",
            "reasons": "; ".join(reasons),
        }
        version = tracking.register(settings, name, source, tracked.id, tags)
        return self._told(version, tracked.id, weights, figures)

    def _told(self, version: int, run: str, weights: str, figures: Mapping[str, float]) -> Tuned:
        passed, reasons = verdict(self.recipe, figures)
        return Tuned(
            name=self.recipe.name,
            version=version,
            run=run,
            base=self.base.digest,
            weights=weights,
            passed=passed,
            reasons=reasons,
            figures=figures,
            left_out=self.ready.prepared.left_out,
        )

    def _tags(self) -> dict[str, str]:
        data, begun = self.ready.prepared.digest, told(self.start)
        return {"base": self.base.digest, "data": data, "kind": ADAPTER, "start": begun}

    @contextmanager
    def _tracked(self) -> Iterator[tracking.Run | None]:
        """The run as MLflow knows it, over all of its lives; none but in the first process."""
        if not processes.first():
            yield None
            return
        before = under_way.tracked_before(self.folder)
        with tracking.run(self.settings, self.recipe.name, self._tags(), before) as tracked:
            under_way.keep_tracked(self.folder, tracked.id)
            yield tracked


def _model(
    settings: Settings,
    recipe: Recipe,
    base: Base,
    start: tracking.VersionTags | None,
    folder: Path,
) -> Any:
    """The base with the adapter that learns, where it is to be computed."""
    give_back_freed_memory()
    dtype = dtype_of(recipe, folder)
    require_room(base.folder, recipe, dtype)
    with loading_told(base.folder, recipe):
        loaded = load_base(base.folder, dtype, recipe.quantised)
        model = started(settings, loaded, recipe, start)
        processes.place(model, best_device())
    return model


def _smaller(model: Any, recipe: Recipe) -> str:
    """What fits where not even a pass without gradients did."""
    layers = len(decoder(model).layers)
    return f"{BY_PLAN}: {what_fits(model, recipe, again=layers)}"


def _fitted(model: Any, plan: Plan, recipe: Recipe, folder: Path) -> Fit:
    """Have layers computed again and compiled as the recipe says, or as this machine wants it."""
    found = fit_layers(model, plan, recipe, folder)
    on_gpu = best_device().type == "cuda"
    if on_gpu if recipe.compiled is None else recipe.compiled:
        compile_layers(model)
    return found


def identity(recipe: Recipe, base: Base, prepared: Prepared, start: str = "") -> str:
    """Digest of what makes a run what it is: not how it is made to fit, is priced or judged."""
    parts = [msgspec.to_builtins(essence(recipe)), base.digest, prepared.digest, start]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _log(
    tracked: tracking.Run, recipe: Recipe, dtype: str, fit: Fit, figures: Mapping[str, float]
) -> None:
    """How a run was made, and what came of it, in MLflow."""
    told = msgspec.json.format(msgspec.json.encode(recipe)).decode()
    tracking.keep(tracked.settings, tracked.id, RECIPE, told)  # too long for a parameter
    params = {
        "dtype": dtype,
        "checkpointed_layers": str(fit.checkpointed_layers),
        "fit": str(fit),
    }
    tracked.log(params, {k: v for k, v in figures.items() if math.isfinite(v)})


def _log_adapter(model: Any, tracked: tracking.Run) -> tuple[str, str]:
    """Keep an adapter beside its run; its address, and the digest of its files."""
    with tempfile.TemporaryDirectory() as aside:
        model.save_pretrained(aside, safe_serialization=True)
        return tracked.log_folder(Path(aside), ADAPTER), weights_digest(Path(aside))


def _learnt(planted: Sequence[Canary], plan: Plan) -> list[Canary]:
    """Those that training saw: of a part of an epoch, maybe not all."""
    seen = {plan.samples[place].id for step in plan.steps for row in step for place in row}
    return [one for one in planted if one.lesson.id in seen]


def _of_canaries(found: Memorised) -> dict[str, float]:
    if not found.exposures:
        return {}
    return {
        "canaries": float(len(found.exposures)),
        "canaries_recovered": float(found.recovered),
        "canary_exposure": found.exposure,
    }


def _reporter(tracked: tracking.Run | None, progress: Progress, effort: Effort) -> Any:
    def report(step: Step) -> None:
        if tracked is None:
            return
        pace = effort.after(step)
        progress(f"pace · {in_words(pace)}", step.number, effort.steps)
        progress("steps learnt", step.number, effort.steps)
        tracked.log_step(
            step.number,
            {
                "loss": step.loss,
                "departed": step.departed,
                "gradient_norm": step.norm,
                "supervised_tokens_per_s": step.learnt / step.seconds,
            }
            | pace,
        )

    return report


def _effort(plan: Plan, done: Trained) -> dict[str, float]:
    return {
        "steps": float(len(plan)),
        "train_seconds": done.seconds,
        "train_tokens": float(plan.tokens),
        "padding_share": plan.padding,
        "last_loss": done.losses[-1],
    }
