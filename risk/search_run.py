"""A search over a recipe's hyper-parameters, judged as the recipe is and kept run by run in MLflow.

A recipe and a number of trials go in, the best of them beside the recipe's own come out. Rows of an
out-of-time part are never looked at; nothing is registered. Interrupted it answers by what it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import msgspec
import numpy as np

from finmodel import registry, tracking
from finmodel.errors import BadInput
from finmodel.progress import Progress, silent
from finmodel.recipe_parts import Params
from finmodel.records import Float64s, Int64s, Person
from finmodel.run_hours import processor_s
from finmodel.settings import Settings
from risk.calibrate import Wanted
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts, folds
from risk.learning import (
    Judged,
    Teaching,
    judge_by_folds,
    judge_by_time,
    learn,
    teaching_of,
)
from risk.recipe import Recipe
from risk.search import Gain, gain_over, pasted, proposed, require_trials
from risk.train import Ready, prepare

SHOWN = 5
"""Of the best trials; the recipe's own is shown in any case."""
BY_TIME = "validation part, by time"


@dataclass(frozen=True, slots=True)
class Trial:
    """One way of teaching and what it is worth; trial 0 is the recipe's own."""

    trial: int
    auc: float
    auc_sd: float | None
    """Over the folds; None where one part judges."""
    ks: float
    ks_sd: float | None
    gain: float
    """In AUC over the recipe's own."""
    params: dict[str, object]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found."""

    name: str
    sample: str
    rows: int
    """That judge."""
    seed: int
    trials: int
    asked: int
    interrupted: bool
    run_id: str
    best: tuple[Trial, ...]
    gain: float
    gain_error: float
    chance: float
    """How likely so great a gain is by chance, of the best of so many trials."""
    more_than_chance: bool
    conclusion: str
    params: str
    """The best trial's `params:` block."""
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """How every trial is judged: the same rows, parted in the same way."""

    sample: str
    rows: Int64s
    parts: tuple[Int64s, ...]
    """Places within `rows` that one model judges."""
    judged: Callable[[Params], Judged]


def search(
    recipe: Recipe,
    settings: Settings,
    person: Person,
    asked: tuple[int, int],
    progress: Progress = silent,
) -> Search:
    """Try the recipe's own parameters and others; `asked` is how many others, and the seed.

    Refused where this person may not train. KeyboardInterrupt where none ended.
    """
    started, began, (trials, seed) = time.monotonic(), processor_s(), asked
    require_trials(trials, seed)
    registry.require_trainer(person, recipe.name)
    ready = prepare(recipe, settings, progress)
    by = _by_time if ready.parts.by_time else _by_folds
    judge = by(recipe, ready)
    done: list[tuple[Params, Judged]] = []
    tags = {"kind": "search", "searched_by": person.name, "data_hash": ready.frame.data_hash}
    run_id, interrupted = "", False
    try:
        with tracking.run(settings, recipe.name, tags, since=began) as parent:
            run_id = parent.id
            parent.log({"trials": trials, "seed": seed, "sample": judge.sample}, {})
            for number in range(trials + 1):
                params = proposed(recipe.params, number, seed)
                done.append((params, _tried(settings, recipe.name, (number, params), judge)))
                progress("trials", number + 1, trials + 1)
            parent.log({}, {"best_auc": max(one.figures.auc for _, one in done)})
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = True
    found = _found(recipe, ready.frame.labels[judge.rows], judge, done)
    return replace(
        found,
        seed=seed,
        asked=trials,
        interrupted=interrupted,
        run_id=run_id,
        seconds=time.monotonic() - started,
    )


def _tried(settings: Settings, name: str, trial: tuple[int, Params], judge: _Judge) -> Judged:
    number, params = trial
    with tracking.run(settings, name, {"kind": "trial", "trial": str(number)}) as run:
        run.log(msgspec.structs.asdict(params), {})
        judged = judge.judged(params)
        run.log({}, asdict(judged.figures) | (judged.spread_named if len(judge.parts) > 1 else {}))
    return judged


def _found(
    recipe: Recipe, labels: Float64s, judge: _Judge, done: list[tuple[Params, Judged]]
) -> Search:
    order = sorted(range(len(done)), key=lambda number: (-done[number][1].figures.auc, number))
    best = order[0]
    pair = done[0][1].log_odds, done[best][1].log_odds
    gain = gain_over(labels, pair, judge.parts, len(done) - 1)
    shown = order[:SHOWN] + ([0] if 0 not in order[:SHOWN] else [])
    return Search(
        name=recipe.name,
        sample=judge.sample,
        rows=len(judge.rows),
        seed=0,
        trials=len(done) - 1,
        asked=0,
        interrupted=False,
        run_id="",
        best=tuple(_trial(number, done, judge) for number in shown),
        gain=gain.auc,
        gain_error=gain.error,
        chance=gain.chance,
        more_than_chance=gain.more_than_chance,
        conclusion=_conclusion(best, gain, len(done) - 1),
        params=pasted(done[best][0], recipe.params),
        seconds=0.0,
    )


def _trial(number: int, done: list[tuple[Params, Judged]], judge: _Judge) -> Trial:
    params, judged = done[number]
    many = len(judge.parts) > 1
    return Trial(
        trial=number,
        auc=judged.figures.auc,
        auc_sd=judged.spread.auc if many else None,
        ks=judged.figures.ks,
        ks_sd=judged.spread.ks if many else None,
        gain=judged.figures.auc - done[0][1].figures.auc,
        params=msgspec.structs.asdict(params),
    )


def _conclusion(best: int, gain: Gain, trials: int) -> str:
    if best == 0:
        return f"没有更好的参数：none of {trials} trials beats the recipe's own; keep them"
    told = f"AUC {gain.auc:+.4f} ± {gain.error:.4f}, by chance {gain.chance:.2g}, {trials} trials"
    if gain.more_than_chance:
        return f"提升超出偶然：trial {best} gains more than chance ({told}); train it and gate it"
    return f"提升未超出偶然：trial {best} gains no more than chance ({told}); keep the recipe's own"


def _teaching(recipe: Recipe, params: Params) -> Teaching:
    """Without a calibration: AUC and KS are the same with it, and it costs more than the model."""
    other = msgspec.structs.replace(recipe, params=params)
    return replace(teaching_of(other), calibration=Wanted())


def _by_folds(recipe: Recipe, ready: Ready) -> _Judge:
    frame, rows, teaching = ready.frame, ready.parts.train, ready.teaching
    labels = frame.labels[rows]
    parts = tuple(test for _, test in folds(labels, teaching.folds, teaching.seed))

    def judged(params: Params) -> Judged:
        return judge_by_folds(frame, rows, _teaching(recipe, params), 1)

    return _Judge(f"1 × {teaching.folds} folds", rows, parts, judged)


def _by_time(recipe: Recipe, ready: Ready) -> _Judge:
    """The validation part judges; where trees stop early, it is by later rows of those that teach.

    Were the validation part to stop the trees too, it would flatter who stops by it most often.
    """
    frame, parts = ready.frame, ready.parts
    stops = bool(ready.teaching.early_stopping)
    train, steer = _earlier_later(frame, parts) if stops else (parts.train, parts.train[:0])
    apart = Parts(train, steer, parts.valid)

    def judged(params: Params) -> Judged:
        return judge_by_time(frame, apart, learn(frame, apart, _teaching(recipe, params)))

    return _Judge(BY_TIME, parts.valid, (np.arange(len(parts.valid)),), judged)


def _earlier_later(frame: TrainingFrame, parts: Parts) -> tuple[Int64s, Int64s]:
    """The part `train` parted by time, the later piece about as large as the part `valid`."""
    assert frame.times is not None
    times = frame.times[parts.train]
    share = min(len(parts.valid) / len(times), 0.5)
    border = np.sort(times)[int(len(times) * (1.0 - share))]
    pieces = parts.train[times < border], parts.train[times >= border]
    for rows in pieces:
        if len(np.unique(frame.labels[rows])) < 2:
            raise BadInput(
                f"the training part cannot be parted at {border} to stop early: {len(rows)} rows "
                "on one side have not both goods and bads",
                where=f"{frame.where}: params.early_stopping",
                remedy="have an earlier split.valid_from, or leave early_stopping out",
            )
    return pieces
