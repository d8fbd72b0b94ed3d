"""From a file to a registered version: judged on a recipe's rows, signed and served as if trained.

A scorecard becomes trees with its very points; a LightGBM file has its features put in the recipe's
order. What was read is kept beside the run. Interrupted or refused, nothing is registered.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from finmodel import registry, tracking
from finmodel.acts import act_tag, audited
from finmodel.boosting import settled
from finmodel.errors import Damaged
from finmodel.gate import Itself
from finmodel.manifest import Calibration, Scaling
from finmodel.progress import Progress, silent
from finmodel.records import Float64s, Person
from finmodel.run_hours import processor_s
from finmodel.scorer import Scorer
from finmodel.settings import Settings
from risk.adopt import itself_of, own_teaching
from risk.calibrate import Wanted, calibrate
from risk.document.keeping import keep_document
from risk.frames.frame import TrainingFrame
from risk.importing.boosted import narrowed, over_the_recipe
from risk.importing.card import Asked, Read, card_of
from risk.importing.written import WrittenCard
from risk.learning import Judged, Learned, judged_once, learn
from risk.recipe import Recipe
from risk.report.sheets import Development
from risk.scaling import log_odds_at, points_many
from risk.scorecard.binning import counted
from risk.scorecard.bins import CategoryBins
from risk.scorecard.card import Scorecard, points_of
from risk.scorecard.columns import columns_of
from risk.scorecard.forest import forest_text
from risk.scorecard.learning import CardTeaching, LearnedCard, card_teaching
from risk.scorecard.regression import Fitted, vif
from risk.scorecard.selection import KEPT, screen, woe_of
from risk.scorecard.side_by_side import Side
from risk.scorecard_recipe import ScorecardSpec
from risk.train import Ready, Trained, judged_on, keep_judged, prepare, register_judged, tags_of

MAYBE_KNOWN = "all rows; whether it was built on them is not known here"
LIKE = 1e-6
"""Points between a card and the trees made of it: arithmetic, and nothing else."""


@dataclass(frozen=True, slots=True)
class File:
    """What was brought."""

    name: str
    text: str
    """With one character at the end of each line."""
    form: str
    sha256: str
    """Of its bytes."""

    @property
    def kept_as(self) -> str:
        """Its name beside the run: a person's own may hold what no address may.

        >>> File("冠军 #1.csv", "variable,bin,points", "toad", "").kept_as
        'imported.csv'
        """
        if self.form == "lightgbm":
            return "imported.txt"
        return "imported.json" if self.text.lstrip()[:1] in ("{", "[") else "imported.csv"


@dataclass(frozen=True, slots=True)
class Imported:
    """A registered version and what the gate said of it."""

    name: str
    version: int
    passed: bool
    failures: str
    format: str
    woe: str
    """What the file's WOE are; empty where it holds none."""
    variables: int
    sample: str
    notes: tuple[str, ...]
    metrics: dict[str, float]
    rows: int
    run_id: str
    seconds: float


def import_card(
    recipe: Recipe,
    settings: Settings,
    person: Person,
    brought: tuple[File, WrittenCard, Asked],
    progress: Progress = silent,
) -> Imported:
    """Register a scorecard that was built elsewhere; its points are kept as they are.

    BadInput where the file and the recipe's rows do not fit.
    """
    started = time.monotonic(), processor_s()
    registry.require_trainer(person, recipe.name)
    file, written, asked = brought
    ready = prepare(recipe, settings, progress)
    teaching = card_teaching(_with_scorecard(recipe), ready.frame)
    specials = {name: teaching.spec.specials_of(name) for name in ready.frame.names}
    read = card_of(written, ready.frame, (recipe.name, recipe.scaling, specials), asked)
    frame = _with_categories(ready.frame, read.card)
    learned = _as_trees(read.card, frame, ready)
    points = points_of(read.card, columns_of(frame, [one.name for one in read.card.variables]))
    judged = _judged(frame, ready, log_odds_at(points, recipe.scaling))
    side = Side(teaching, _learned_card(read, frame, ready, teaching))
    found = Development(recipe, frame, ready.parts, learned, judged, side, judged)
    notes = (*read.notes, *_of_the_scale(recipe, frame, judged))
    about = {"import.woe": read.sign, "import.variables": str(len(read.card.variables))}
    return _registered(settings, person, file, (found, None, about, notes), started)


def import_booster(
    recipe: Recipe,
    settings: Settings,
    person: Person,
    file: File,
    progress: Progress = silent,
) -> Imported:
    """Register a LightGBM file, its features by name; its own way of teaching is judged too."""
    started = time.monotonic(), processor_s()
    registry.require_trainer(person, recipe.name)
    ready = prepare(recipe, settings, progress)
    frame = ready.frame
    text, notes = over_the_recipe(file.text, frame, file.name)
    few = replace(
        ready,
        frame=narrowed(frame, file.text),
        teaching=own_teaching(file.text, ready.teaching),
    )
    again = learn(few.frame, few.parts, few.teaching, progress)
    learned = Learned(text, Scorer.from_text(text), again.calibration)
    judged = judged_on(few, again, recipe.split.repeats, progress)
    found = Development(recipe, frame, ready.parts, learned, judged, None, None)
    about = {"import.variables": str(len(few.frame.names))}
    kept = (found, itself_of(frame, learned), about, notes)
    return _registered(settings, person, file, kept, started)


def _registered(
    settings: Settings,
    person: Person,
    file: File,
    kept: tuple[Development, Itself | None, dict[str, str], tuple[str, ...]],
    started: tuple[float, float],
) -> Imported:
    (found, itself, about, notes), (at, began) = kept, started
    recipe, frame = found.recipe, found.frame
    own = {
        "import.format": file.form,
        "import.file": file.name,
        "import.sha256": file.sha256,
    } | about
    tags = tags_of(recipe, frame, person) | own
    with tracking.run(settings, recipe.name, tags, since=began) as run:
        run.log(own | {"rows": len(frame), "bads": int(frame.labels.sum())}, {})
        tracking.keep(settings, run.id, file.kept_as, file.text)
        whole = keep_judged(settings, run, found, itself)
    trained = register_judged(settings, whole, tags, person)
    entry = audited(settings, "import", own | _who(trained, person))
    tracking.tag(settings, trained.name, trained.version, act_tag("import", entry))
    keep_document(settings, trained.name, trained.version)
    return _told(trained, own, notes, time.monotonic() - at)


def _who(trained: Trained, person: Person) -> dict[str, Any]:
    known = {"name": trained.name, "version": trained.version}
    return known | {"by": person.name, "demo": person.demo}


def _told(
    trained: Trained, about: dict[str, str], notes: tuple[str, ...], seconds: float
) -> Imported:
    return Imported(
        name=trained.name,
        version=trained.version,
        passed=trained.passed,
        failures=trained.failures,
        format=about["import.format"],
        woe=about.get("import.woe", ""),
        variables=int(about["import.variables"]),
        sample=trained.sample,
        notes=(*notes, *trained.notes),
        metrics=trained.metrics,
        rows=trained.rows,
        run_id=trained.run_id,
        seconds=seconds,
    )


def _with_scorecard(recipe: Recipe) -> Recipe:
    """The recipe, with every default of a scorecard where it has none."""
    return msgspec.structs.replace(recipe, scorecard=recipe.scorecard or ScorecardSpec())


def _with_categories(frame: TrainingFrame, card: Scorecard) -> TrainingFrame:
    """The frame, whose contract also knows the categories that only the card has."""
    if frame.table is None:
        return frame
    known = dict(frame.table.categories)
    for one in card.variables:
        if isinstance(one.bins, CategoryBins):
            named = [name for group in one.bins.groups for name in group]
            known[one.name] += tuple(name for name in named if name not in known[one.name])
    return replace(frame, table=msgspec.structs.replace(frame.table, categories=known))


def _as_trees(card: Scorecard, frame: TrainingFrame, ready: Ready) -> Learned:
    """The card as a model; Damaged where the two would score a row of the recipe otherwise."""
    categories = {} if frame.table is None else frame.table.categories
    matrix = frame.matrix[ready.parts.train]
    text = settled(forest_text(card, frame.names, matrix, categories))
    learned = Learned(text, Scorer.from_text(text), Calibration())
    columns = columns_of(frame, [one.name for one in card.variables])
    raw = learned.scorer.raw_many(frame.matrix)
    apart = np.abs(points_many(raw, card.scaling) - points_of(card, columns))
    if apart.max() > LIKE:
        raise Damaged(
            f"as trees it gives row {int(apart.argmax()) + 1} other points ({apart.max():g} apart)",
            where=card.name,
            remedy="tell whoever keeps this platform, with the file",
        )
    return learned


def _judged(frame: TrainingFrame, ready: Ready, log_odds: Float64s) -> Judged:
    """By the later part where there is one; else by all rows, of which it may have learnt."""
    if ready.parts.by_time:
        return judged_once(frame.labels, ready.parts.oot, log_odds[ready.parts.oot])
    found = judged_once(frame.labels, np.arange(len(frame)), log_odds)
    return replace(found, sample=MAYBE_KNOWN, out_of_time=False)


def _learned_card(
    read: Read, frame: TrainingFrame, ready: Ready, teaching: CardTeaching
) -> LearnedCard:
    """The card as the report shows one: bins counted on the recipe's rows, nothing fitted."""
    names = tuple(one.name for one in read.card.variables)
    columns, labels = columns_of(frame, names, ready.parts.train), frame.labels[ready.parts.train]
    binned = {
        one.name: counted(one.name, one.bins, columns[one.name], labels, by_hand=True)
        for one in read.card.variables
    }
    later = columns_of(frame, names, ready.parts.valid) if ready.parts.valid.size else None
    screened = [replace(one, dropped=KEPT) for one in screen(binned, columns, later, teaching.spec)]
    unknown = np.full(len(names) + 1, np.nan)
    fitted = Fitted(
        read.card.intercept,
        np.array([one.coefficient for one in read.card.variables]),
        unknown,
        unknown,
    )
    design = np.column_stack([woe_of(binned[name], columns[name]) for name in names])
    return LearnedCard(read.card, binned, screened, names, fitted, vif(design), None)


def _of_the_scale(recipe: Recipe, frame: TrainingFrame, judged: Judged) -> tuple[str, ...]:
    """Which scale the points are on, as the rows have it, where it is not the recipe's."""
    notes = []
    if judged.out_of_time and frame.times is not None:
        day = frame.times[judged.rows].min().astype("datetime64[D]")
        notes.append(f"out of time only if it was built on rows before {day}")
    if recipe.calibration != "none" or recipe.pricing_pd:
        notes.append("the recipe's calibration is left out: the card's own points are kept")
    slope, intercept = judged.figures.calibration_slope, judged.figures.calibration_intercept
    slopes, intercepts = recipe.gate.calibration_slope, recipe.gate.calibration_intercept
    fits = slopes[0] <= slope <= slopes[1] and intercepts[0] <= intercept <= intercepts[1]
    if not fits and slope > 0.0:
        line = calibrate(frame.labels[judged.rows], judged.log_odds, Wanted("platt"))
        found = _scale(recipe.scaling, line)
        notes.append(
            "on these rows the points are about those of scaling: {base_points: "
            f"{found.base_points:.0f}, base_odds: {found.base_odds:g}, pdo: {found.pdo:.1f}}}"
        )
    return tuple(notes)


def _scale(now: Scaling, line: Calibration) -> Scaling:
    """The scale on which the same points say what became of the rows.

    >>> _scale(Scaling(600, 50, 20), Calibration("platt", 0.5, 0.0)).pdo
    40.0
    """
    at_base = (-np.log(now.base_odds) - line.intercept) / line.slope
    base = float(points_many(np.array([at_base]), now)[0])
    return Scaling(base, now.base_odds, now.pdo / line.slope)
