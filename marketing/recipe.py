"""A recipe: everything that makes a marketing model out of data, as a person writes it in YAML.

A file comes in, a typed and frozen recipe goes out, or one sentence that names the file, the key
and what to write instead. Knows no data: whether its columns exist is seen when they are read.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal

import msgspec

from finmodel.errors import BadInput
from finmodel.gate import Thresholds
from finmodel.recipe_parts import Params, SimulatedLender
from finmodel.recipe_text import convert, parse_yaml
from marketing.effects.uplift import KINDS, Kind
from marketing.forbidden import refuse_features
from marketing.label_rule import LabelRule, Words

GUIDE = "docs/marketing_recipes.md"


class RowOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in order of date without a year: one is added whenever the month goes back."""

    first_year: int
    month: str = "month"
    """Column of the month: 1 to 12, or jan to dec."""
    day: str = "day"
    """Column of the day."""


class Treated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of a table's rows were treated with what."""

    column: str
    control: str
    """The value of those who got nothing."""
    treatments: dict[str, str]
    """Value of the column by the treatment's name; rows of other values are left out."""

    def __post_init__(self) -> None:
        if not self.treatments:
            raise ValueError("name at least one treatment")
        if self.control in self.treatments.values():
            raise ValueError(f"{self.control!r} is control and treatment")


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of one's own, a CSV or Parquet file: one row for each contact or customer."""

    path: str
    """Relative to the recipe's folder; under FINMODEL_DATA where it begins with `data:`."""
    features: tuple[str, ...]
    """Each by name: a column that nobody named cannot slip in."""
    categoricals: tuple[str, ...] = ()
    special_values: dict[str, tuple[float, ...]] = {}
    """Numbers that stand for 'missing', by column."""
    time: str | RowOrder | None = None
    """Column of the time, or how the rows' order tells it; without one no part is out of time."""
    treatment: Treated | None = None
    separator: str = ","
    encoding: str = "utf-8-sig"

    def __post_init__(self) -> None:
        if not self.features:
            raise ValueError("features: name at least one column")
        for name in (*self.categoricals, *self.special_values):
            if name not in self.features:
                raise ValueError(f"{name!r} is not under features")
        if len(self.separator) != 1:
            raise ValueError(f"separator {self.separator!r} is not one character")


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either a Feast service, or a table."""

    service: str | None = None
    lender: SimulatedLender | None = None
    """Whose events are looked at; with none, those that `finmodel archive` keeps."""
    table: Table | None = None

    def __post_init__(self) -> None:
        if (self.service is None) == (self.table is None):
            raise ValueError("give either `service` or `table`")
        if self.lender is not None and self.service is None:
            raise ValueError("a `lender` needs a `service`")


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Earlier rows teach, later ones steer, the last judge; at random where there is no time."""

    valid_from: dt.date | None = None
    oot_from: dt.date | None = None
    """With `valid_from`: first days of both parts, in place of shares."""
    valid_share: float = 0.15
    oot_share: float = 0.2
    """Of the rows, in order of time: the last part, which only judges."""
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.valid_share, self.oot_share) <= 0 or self.valid_share + self.oot_share >= 1:
            raise ValueError("valid_share and oot_share must be above 0 and below 1 together")
        if (self.valid_from is None) != (self.oot_from is None):
            raise ValueError("give valid_from and oot_from together")
        if self.valid_from and self.oot_from and self.valid_from >= self.oot_from:
            raise ValueError("valid_from must be before oot_from")


class UpliftNeeds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the order of customers by effect must reach; more than, not as much as."""

    qini_low: float = 0.0
    """The lower end of the 95 % interval of Qini; a random order has 0."""
    uplift_30_over_mean: float = 0.0
    """uplift@30% less the effect of treating everybody."""


class MarketingRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that makes a marketing model out of data."""

    name: str
    """The model's name in the registry."""
    model: Literal["propensity", "uplift"]
    title: Words
    source: Source
    label: LabelRule
    params: Params
    gate: Thresholds
    """Of the probabilities; for uplift those of the treated."""
    uplift_gate: UpliftNeeds = UpliftNeeds()
    learners: tuple[Kind, ...] = KINDS
    """Of an uplift model: those that the validation part chooses among."""
    uplift_params: Params | None = None
    """Of the learners of uplift; `params` where none are given."""
    observational: bool = False
    """True lets an uplift model learn where chance did not decide who was treated."""
    split: Split = Split()
    half_life_days: float | None = None
    """A row so many days older than the newest that teaches counts half; all alike if none."""
    audit_only: tuple[str, ...] = ()
    """Columns kept apart for measuring groups, and refused as features."""
    file: str = ""
    """The recipe's own path; set when it is read."""
    text: str = ""
    """The recipe as written; set when it is read."""

    @property
    def folder(self) -> Path:
        """The folder that the recipe's paths start from."""
        return Path(self.file).parent


def is_marketing(given: dict[str, Any]) -> bool:
    """Whether what a YAML file holds is meant as a marketing recipe."""
    return "model" in given and "card" not in given


def load_recipe(path: Path) -> MarketingRecipe:
    """The recipe in a YAML file."""
    given, text = parse_yaml(path)
    if not is_marketing(given):
        what = "it names no model, as propensity or uplift"
        raise _bad(path, "model", what, "name a recipe of marketing/")
    recipe = convert(given, MarketingRecipe, path, GUIDE)
    recipe = msgspec.structs.replace(recipe, file=str(path), text=text)
    _require_consistent(recipe, path)
    return recipe


def _require_consistent(recipe: MarketingRecipe, path: Path) -> None:
    if not recipe.name.isidentifier():
        raise _bad(path, "name", f"{recipe.name!r} is not a name", "use a-z, 0-9 and _")
    if recipe.gate.parity_rows < 1:
        raise _bad(path, "gate.parity_rows", "it is below 1", "compare at least one row")
    if recipe.half_life_days is not None and recipe.half_life_days <= 0.0:
        raise _bad(path, "half_life_days", "it is not above 0", "write days, such as 180")
    table, rule = recipe.source.table, recipe.label
    if (table is None) == (rule.column is not None):
        what = "a table's label is a `column`, that of a service's events is observed"
        raise _bad(path, "label", what, "write the one that fits `source`")
    if table is not None:
        named = (*table.features, *table.categoricals)
        refuse_features(named, recipe.audit_only, f"{path}: source.table.features")
    _require_treatment(recipe, path)


def _require_treatment(recipe: MarketingRecipe, path: Path) -> None:
    table, rule = recipe.source.table, recipe.label
    told = (table is not None and table.treatment is not None) or (
        rule.observe is not None and rule.observe.campaign_log is not None
    )
    if recipe.model == "uplift" and not told:
        what = "an uplift model needs to know who was treated and who was held out"
        raise _bad(path, "model", what, "give source.table.treatment or observe.campaign_log")
    if recipe.model == "propensity" and told:
        what = "who was treated is told, and a propensity model does not use it"
        raise _bad(path, "model", what, "write `model: uplift`, or leave the treatment out")
    if not recipe.learners:
        raise _bad(path, "learners", "there is none", f"name some of {', '.join(KINDS)}")
    campaign = rule.observe is not None and rule.observe.campaign_log is not None
    if campaign and recipe.source.lender is None:
        what = "only the simulated lender has such a log here"
        raise _bad(path, "label.observe.campaign_log", what, "give your trial as source.table")


def _bad(path: Path, key: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=f"{path}: {key}", remedy=remedy)
