"""The scorecard trained beside the trees: the same rows, the same folds, the same scale.

A recipe with a `scorecard:` block and its rows come in; a card, its honest figures, and what is
kept of them in MLflow go out. A recipe without the block has no card, and nothing is said of one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256

from finmodel import tracking
from finmodel.errors import NotFound
from finmodel.export import CARD as CARD_FILE
from finmodel.gate import Figures
from finmodel.progress import Progress
from finmodel.settings import Settings
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts
from risk.learning import (
    Judged,
)
from risk.recipe import Recipe
from risk.scorecard.card import Scorecard, decode, encode
from risk.scorecard.export import pmml, sql_query
from risk.scorecard.learning import (
    CardTeaching,
    LearnedCard,
    card_teaching,
    judge_card_by_folds,
    judge_card_by_time,
    learn_card,
    require_edits,
)

SQL_FILE, PMML_FILE = "scorecard.sql", "scorecard.pmml"
SQL_TABLE = "features"
"""The table that the exported SQL reads; put your own in its place."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A card and how it was taught."""

    teaching: CardTeaching
    learned: LearnedCard


def learn_side(
    recipe: Recipe, frame: TrainingFrame, parts: Parts, progress: Progress
) -> Side | None:
    """The recipe's card; None where it asks for none. BadInput where an edit does not hold."""
    if recipe.scorecard is None:
        return None
    teaching = card_teaching(recipe, frame)
    learned = learn_card(frame, parts, teaching, progress)
    require_edits(learned, teaching)
    return Side(teaching, learned)


def judge_side(
    side: Side | None, frame: TrainingFrame, parts: Parts, repeats: int, progress: Progress
) -> Judged | None:
    """Figures by the rows that judge the trees: later ones where there are any, else folds."""
    if side is None:
        return None
    if parts.by_time:
        return judge_card_by_time(frame, parts, side.learned)
    return judge_card_by_folds(frame, parts.train, side.teaching, repeats, progress)


def comparison(trees: Judged, card: Judged | None) -> dict[str, dict[str, float]]:
    """Each figure of both, by its name; empty where there is no card."""
    if card is None:
        return {}
    both = {"scorecard": named(card.figures), "lightgbm": named(trees.figures)}
    return {name: {who: both[who][name] for who in both} for name in both["scorecard"]}


def keep_side(settings: Settings, run: tracking.Run, side: Side, judged: Judged) -> None:
    """Keep the card, its exports, and its figures, as metrics prefixed `scorecard_`."""
    counts = {"variables": float(len(side.learned.entered))}
    figures = named(judged.figures) | judged.spread_named | counts
    run.log({}, {f"scorecard_{name}": value for name, value in figures.items()})
    for file, text in exports(side.learned.card).items():
        tracking.keep(settings, run.id, file, text)


def exports(card: Scorecard) -> dict[str, str]:
    """The card as JSON, SQL and PMML, by file name."""
    return {
        CARD_FILE: encode(card).decode(),
        SQL_FILE: sql_query(card, SQL_TABLE) + "\n",
        PMML_FILE: pmml(card) + "\n",
    }


def card_digest(side: Side | None) -> str:
    """SHA-256 of the card's JSON, by which its model's manifest names it; empty without a card."""
    return "" if side is None else sha256(encode(side.learned.card)).hexdigest()


def named(figures: Figures) -> dict[str, float]:
    """Figures by name, Gini among them.

    >>> round(named(Figures(0.78, 0.43, 0.13, 1.0, 0.0))["gini"], 4)
    0.56
    """
    known = asdict(figures)
    return {"auc": known["auc"], "gini": 2.0 * known["auc"] - 1.0} | known


def load_card(settings: Settings, name: str, version: int | None) -> tuple[int, Scorecard]:
    """The card that was trained with a version, the newest if none is named; NotFound if none."""
    newest = tracking.version_of(settings, name, version)
    where = f"{name} version {newest.version}"
    if CARD_FILE not in tracking.files(settings, newest.run_id):
        raise NotFound(
            "no scorecard was trained with it",
            where=where,
            remedy="give the recipe a `scorecard:` block, and train it",
        )
    return newest.version, decode(tracking.kept(settings, newest.run_id, CARD_FILE), where)
