"""What a signed model says of itself: everything that turns a row of features into an answer.

Plain frozen records, written as JSON beside the model's text. Knows no file, no model and no
library but msgspec, so that pure judgement may read it.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from finmodel.errors import Refused

Card = Literal["A", "B", "C"]
"""A application, B behaviour, C collection card."""
DecisionPoint = Literal["授信", "支用", "贷中", "贷后"]
"""Granting a limit, drawing on it, during the loan, after it is due."""
Outcome = Literal["allow", "refer", "decline"]
"""What a view that is stale or missing does to a decision."""


class PricingPd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probability of default for prices and expected loss: a step function of the raw score.

    Never used for points or reasons: steps are not affine, and many scores share one.
    """

    starts: tuple[float, ...]
    """(k - 1,) raw scores, ascending, at which the second and each later step begins."""
    pds: tuple[float, ...]
    """(k,) of each step, ascending, within 0 and 1."""
    method: Literal["isotonic"] = "isotonic"

    def __post_init__(self) -> None:
        if len(self.pds) != len(self.starts) + 1:
            raise ValueError("a step function has one pd more than starts")
        if any(a >= b for row in (self.starts, self.pds) for a, b in pairwise(row)):
            raise ValueError("starts and pds of a step function must rise")
        if not 0.0 <= self.pds[0] <= self.pds[-1] <= 1.0:
            raise ValueError("a pd is below 0 or above 1")


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """log-odds(bad) = intercept + slope × the model's raw score; what is unset is not written.

    So the digest of a calibration from before a field was known stays what it was.
    """

    method: Literal["none", "platt", "base_rate"] = "none"
    slope: float = 1.0
    intercept: float = 0.0
    """With `base_rate`, what lies between the sample's log-odds and the population's is in it."""
    base_rate: float | UnsetType = UNSET
    """The stated bad rate of the population."""
    sample_rate: float | UnsetType = UNSET
    """Bad rate of the rows that the line was fitted on."""
    pricing: PricingPd | UnsetType = UNSET


class Scaling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`base_points` at good:bad odds of `base_odds`, `pdo` more each time the odds double."""

    base_points: float = 600.0
    base_odds: float = 50.0
    pdo: float = 20.0

    def __post_init__(self) -> None:
        if self.base_odds <= 0.0 or self.pdo <= 0.0:
            raise ValueError("base_odds and pdo must be above 0")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cut-offs in points, and what views that are stale or missing may do."""

    approve_points: float
    """Approve at this many points or more."""
    refer_points: float
    """Refer to a person at this many points or more; decline below."""
    stale: Outcome = "refer"
    missing: Outcome = "refer"
    optional_views: tuple[str, ...] = ()
    """Views that a customer may lack without any effect, such as those of rare events."""

    def __post_init__(self) -> None:
        if self.refer_points > self.approve_points:
            raise ValueError("refer_points must not be above approve_points")


class ReasonGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Features that are told as one reason, and its sentence in two languages."""

    code: str
    zh: str
    en: str
    features: tuple[str, ...]
    reference: float = 0.0
    """Mean contribution of the group to the calibrated log-odds over the training rows."""


class Digests(msgspec.Struct, frozen=True):
    """SHA-256, hexadecimal, of each part that a decision depends on."""

    schema: str
    """Of the feature plan, or of the table's contract."""
    model: str
    """Of the model's text."""
    calibration: str
    policy: str
    """Of policy, scaling and reasons together."""


class TableContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a lender's table becomes features, as learnt when the model was trained."""

    entity: str
    features: tuple[str, ...]
    categories: dict[str, tuple[str, ...]] = {}
    """Values of each categorical in the order of their codes; any other is taken as missing."""
    special_values: dict[str, tuple[float, ...]] = {}
    """Numbers that stand for 'missing', by column."""
    separator: str = ","
    encoding: str = "utf-8-sig"


class Check(msgspec.Struct, frozen=True):
    """One line of a gate's verdict."""

    name: str
    value: float | None
    """None where there is nobody to measure it of."""
    needs: str
    passed: bool


class Verdict(msgspec.Struct, frozen=True):
    """What the gate says of one model version."""

    passed: bool
    checks: tuple[Check, ...]
    sample: str
    """Which rows the figures were taken from."""
    notes: tuple[str, ...] = ()
    """What the reader must know beside the figures, such as 'out-of-time: not available'."""


class Manifest(msgspec.Struct, frozen=True):
    """Everything that serving and audit need to know of an exported model."""

    name: str
    version: int
    card: Card | None
    """None, as the next and the policy, for a model that decides no application."""
    decision_point: DecisionPoint | None
    features: tuple[str, ...]
    calibration: Calibration
    scaling: Scaling
    policy: Policy | None
    reasons: tuple[ReasonGroup, ...]
    digests: Digests
    service: str = ""
    """The Feast service; empty for a model on a table."""
    plan: dict[str, Any] = {}
    """The service's plan; empty for a model on a table."""
    table: TableContract | None = None
    monotone: dict[str, int] = {}
    metrics: dict[str, float] = {}
    verdict: Verdict | None = None
    trained_by: str = ""
    approved_by: str = ""
    demo: bool = False
    """Trained or approved by the demo's people: not for real customers."""
    run_id: str = ""
    data_hash: str = ""
    label: str = ""
    created_at: str = ""
    """ISO 8601, UTC."""
    lightgbm_version: str = ""
    card_sha256: str = ""
    """Of the scorecard that was trained beside it, as JSON; empty where none was."""
    uplift_sha256: str = ""
    """Of the models of what a treatment changes, as JSON; empty where it knows of none."""
    observational: bool = False
    """Chance did not decide who was treated: effects are differences between those chosen."""


class Carded(NamedTuple):
    """What only a model that decides applications has."""

    card: Card
    decision_point: DecisionPoint
    policy: Policy


def require_card(manifest: Manifest) -> Carded:
    """The card's part of a manifest; Refused where it is a model of another kind."""
    card, point, policy = manifest.card, manifest.decision_point, manifest.policy
    if card is None or point is None or policy is None:
        raise Refused(
            "it is no risk card: it has no card, decision point or cut-offs",
            where=f"{manifest.name} version {manifest.version}",
            remedy="name a model that was trained by a recipe of risk/",
        )
    return Carded(card, point, policy)


def digest(part: Any) -> str:
    """SHA-256 of a part's canonical JSON (keys sorted).

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return sha256(msgspec.json.encode(part, order="sorted")).hexdigest()


def digests_of(
    schema: Any,
    model: str,
    calibration: Calibration,
    judgement: tuple[Policy | None, Scaling, tuple[ReasonGroup, ...]],
) -> Digests:
    """The digests that a decision's record carries; `model` is that of the model's text."""
    return Digests(
        schema=digest(schema),
        model=model,
        calibration=digest(calibration),
        policy=digest(judgement),
    )
