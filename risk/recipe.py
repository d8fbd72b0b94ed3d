"""A recipe: everything that makes a risk model out of data, as a person writes it in YAML.

A file comes in, a typed and frozen recipe goes out, or one sentence that names the file, the key
and what to write instead. Knows no data: whether its columns exist is seen when they are read.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import msgspec

from finmodel.errors import BadInput
from finmodel.gate import Thresholds
from finmodel.manifest import Card, DecisionPoint, Policy, ReasonGroup, Scaling
from finmodel.recipe_parts import Params, SimulatedLender
from finmodel.recipe_text import convert, parse_yaml
from risk.calibrate import Method
from risk.labels.rule import LabelRule
from risk.scorecard_recipe import ScorecardSpec

CARD_POINTS: dict[Card, frozenset[DecisionPoint]] = {
    "A": frozenset({"授信", "支用"}),
    "B": frozenset({"授信", "支用", "贷中"}),
    "C": frozenset({"贷后"}),
}
"""Where each card may decide: nobody applies after the loan, nobody collects before it."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lender's own table, a CSV or Parquet file."""

    path: str
    """Relative to the recipe's folder."""
    entity: str
    """Column of the id, one row for each."""
    customer: str | None = None
    """Column of whose row it is, where the id is a loan's; no feature."""
    time: str | None = None
    """Column of the time of decision; with it, the split is by time."""
    exclude: tuple[str, ...] = ()
    """Columns that are no features, such as those known only afterwards."""
    categoricals: tuple[str, ...] = ()
    special_values: dict[str, tuple[float, ...]] = {}
    """Numbers that stand for 'missing', by column; under `all`, in every numeric column."""
    own_repayments: tuple[str, ...] = ()
    """Columns made of the applicant's own repayments with this lender."""
    separator: str = ","
    encoding: str = "utf-8-sig"

    def __post_init__(self) -> None:
        if len(self.separator) != 1:
            raise ValueError(f"separator {self.separator!r} is not one character")


class Spine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose features, as of when, and what became of them: a CSV or Parquet file.

    One row for each customer: two rows of one customer would meet on both sides of a fold.
    """

    path: str
    entity: str = "customer_id"
    time: str = "event_timestamp"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either a Feast service with its spine or a lender's events, or a table."""

    service: str | None = None
    spine: Literal["credit_default"] | Spine | None = None
    """`credit_default`, the table that is shipped, or a file of one's own."""
    lender: SimulatedLender | None = None
    """Whose events tell who is looked at and what became of them, as `label` says."""
    table: Table | None = None

    def __post_init__(self) -> None:
        if (self.service is None) == (self.table is None):
            raise ValueError("give either `service` (with `spine` or `lender`) or `table`")
        told = [one for one in (self.spine, self.lender) if one is not None]
        if len(told) != (self.service is not None):
            raise ValueError("a `service` needs a `spine` or a `lender`, and a `table` has neither")


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How rows are parted: always into folds, and by time where there is a time."""

    folds: int = 5
    repeats: int = 2
    """How often the folds are gone through, by seeds of their own."""
    seed: int = 1
    valid_share: float = 0.15
    """Of the rows in order of time: the part for early stopping and calibration."""
    oot_share: float = 0.2
    """Of the rows in order of time: the last part, which only judges."""
    valid_from: dt.date | None = None
    oot_from: dt.date | None = None
    """With `valid_from`: first days of both parts, in place of shares."""

    def __post_init__(self) -> None:
        if self.folds < 2 or self.repeats < 1:
            raise ValueError("folds must be at least 2, repeats at least 1")
        if min(self.valid_share, self.oot_share) <= 0 or self.valid_share + self.oot_share >= 1:
            raise ValueError("valid_share and oot_share must be above 0 and below 1 together")
        if (self.valid_from is None) != (self.oot_from is None):
            raise ValueError("give valid_from and oot_from together")
        if self.valid_from and self.oot_from and self.valid_from >= self.oot_from:
            raise ValueError("valid_from must be before oot_from")


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that makes a risk model out of data."""

    name: str
    """The model's name in the registry."""
    card: Card
    decision_point: DecisionPoint
    source: Source
    label: str | LabelRule
    """Column of what became of the customer (1 bad, 0 good), or the rule that makes it."""
    params: Params
    gate: Thresholds
    policy: Policy
    reasons: tuple[ReasonGroup, ...]
    """Each feature in exactly one group; `*` in a feature's name stands for any letters."""
    audit_only: tuple[str, ...] = ()
    """Columns kept to measure groups with, and refused as features."""
    audit_bands: dict[str, tuple[float, ...]] = {}
    """Edges that part a numeric audit-only column into groups."""
    split: Split = Split()
    calibration: Method = "none"
    base_rate: float | None = None
    """With the calibration `base_rate`: bad rate of the population that the card will see."""
    pricing_pd: Literal["isotonic"] | None = None
    """A probability of default beside the points', for prices and expected loss alone."""
    scaling: Scaling = Scaling()
    scorecard: ScorecardSpec | None = None
    """With it a scorecard is trained beside the trees: same rows, same scale."""
    monotone: dict[str, Literal[-1, 1]] = {}
    """1 where a greater value can only raise the probability of default, -1 where only lower it."""
    file: str = ""
    """The recipe's own path; set when it is read."""
    text: str = ""
    """The recipe as written; set when it is read."""

    @property
    def label_column(self) -> str:
        """The label's column; where a rule makes the label, what is bad by it."""
        return self.label if isinstance(self.label, str) else self.label.bad

    @property
    def folder(self) -> Path:
        """The folder that the recipe's paths start from."""
        return Path(self.file).parent


def load_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file."""
    given, text = parse_yaml(path)
    if "model" in given and "card" not in given:
        what = "it is a marketing recipe, and this is asked of risk cards"
        raise _bad(path, "model", what, "name a recipe of risk/")
    recipe = convert(given, Recipe, path)
    _require_consistent(recipe, path)
    return msgspec.structs.replace(recipe, file=str(path), text=text)


def _require_consistent(recipe: Recipe, path: Path) -> None:
    if not recipe.name.isidentifier():
        raise _bad(path, "name", f"{recipe.name!r} is not a name", "use a-z, 0-9 and _")
    if recipe.decision_point not in CARD_POINTS[recipe.card]:
        allowed = ", ".join(sorted(CARD_POINTS[recipe.card]))
        what = f"card {recipe.card} does not decide at {recipe.decision_point}"
        raise _bad(path, "decision_point", what, f"write one of {allowed}, or another card")
    if recipe.gate.parity_rows < 1:
        raise _bad(path, "gate.parity_rows", "it is below 1", "compare at least one row")
    if recipe.gate.scorecard is not None and recipe.scorecard is None:
        what = "it judges a scorecard, and none is trained"
        raise _bad(path, "gate.scorecard", what, "add a `scorecard:` block, or take it out")
    _require_base_rate(recipe, path)
    _require_label(recipe, path)
    _require_reasons(recipe, path)
    _require_audit_only(recipe, path)


def _require_base_rate(recipe: Recipe, path: Path) -> None:
    wanted, rate = recipe.calibration == "base_rate", recipe.base_rate
    if wanted and rate is None:
        what = "calibration is base_rate, and no rate is stated"
        raise _bad(path, "base_rate", what, "write the population's bad rate, as base_rate: 0.08")
    if rate is not None and not wanted:
        what = f"it is stated, and calibration is {recipe.calibration}"
        raise _bad(path, "base_rate", what, "write calibration: base_rate, or take it out")
    if rate is not None and not 0.0 < rate < 1.0:
        remedy = "write a share, such as 0.08 for 8 %"
        raise _bad(path, "base_rate", f"{rate:g} is not between 0 and 1", remedy)


def _require_label(recipe: Recipe, path: Path) -> None:
    rule, lender = recipe.label, recipe.source.lender
    if lender is None and not isinstance(rule, LabelRule):
        return
    if not isinstance(rule, LabelRule):
        what = f"{rule!r} is a column, and a lender's events have none"
        raise _bad(path, "label", what, "say observation, window and bad")
    if lender is None and rule.observation != "row":
        what = f"{rule.observation} is seen in events of loans, and this source has none"
        raise _bad(path, "label.observation", what, "name `source.lender`, or write row")
    if rule.observation == "row" and (recipe.source.table is None or not recipe.source.table.time):
        what = "rows are looked at at their time, and there is no table with one"
        raise _bad(path, "label.observation", what, "name source.table.time")
    if lender is not None and recipe.audit_only:
        what = "a lender's events hold no attribute of a person"
        raise _bad(path, "audit_only", what, "take it out")


def _require_audit_only(recipe: Recipe, path: Path) -> None:
    banned = {name.casefold() for name in recipe.audit_only}
    for key, names in _feature_mentions(recipe):
        for name in names:
            if name.casefold() in banned:
                what = f"{name!r} is audit_only: it may not be a feature"
                raise _bad(path, key, what, f"take it out of {key}")
    for name, edges in recipe.audit_bands.items():
        if not edges:
            raise _bad(path, f"audit_bands.{name}", "it has no edges", "give at least one number")
        if name.casefold() not in banned:
            what = f"{name!r} is not under audit_only"
            raise _bad(path, "audit_bands", what, "add it there, or drop its bands")


def _require_reasons(recipe: Recipe, path: Path) -> None:
    codes = [group.code for group in recipe.reasons]
    for code in codes:
        if codes.count(code) > 1:
            raise _bad(path, "reasons", f"code {code!r} stands twice", "merge the two groups")
    for place, group in enumerate(recipe.reasons):
        if not (group.code and group.zh.strip() and group.en.strip() and group.features):
            what = "a reason lacks its code, a sentence or its features"
            raise _bad(path, f"reasons[{place}]", what, "fill code, zh, en and features")


def _feature_mentions(recipe: Recipe) -> list[tuple[str, tuple[str, ...]]]:
    mentions = [("monotone", tuple(recipe.monotone))]
    mentions += [
        (f"reasons[{place}].features", group.features) for place, group in enumerate(recipe.reasons)
    ]
    if recipe.source.table is not None:
        mentions.append(("source.table.categoricals", recipe.source.table.categoricals))
    return mentions


def _bad(path: Path, key: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=f"{path}: {key}", remedy=remedy)
