"""What the service reads and writes, as frozen records: the one source of its OpenAPI document.

A field that is not declared is refused by its name, a value of the wrong type by its place; values
themselves are never repeated in a refusal. Knows no route and no model.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from finmodel.errors import BadInput
from finmodel.manifest import Manifest

MOST_IDS = 10_000

Word = Annotated[str, Meta(pattern="^[A-Za-z0-9_]+$", max_length=32)]
Reference = Annotated[str, Meta(pattern="^[A-Za-z0-9._:-]+$", max_length=64)]
IntegerId = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
TextId = Annotated[str, Meta(min_length=1, max_length=64)]
CustomerId = IntegerId | TextId
Count = Annotated[int, Meta(ge=0, le=100_000)]
IdType = Literal["integer", "string"]
State = Literal["present", "stale", "missing", "future"]
STATES: tuple[State, ...] = ("present", "stale", "missing", "future")
"""In the order of `ViewState`."""

T = TypeVar("T")


class Application(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer draws on a limit: what only the request knows.

    Its fields are those of Feast's request source `drawdown_request`. What a bureau answered is
    taken only with the query and the consent behind it.
    """

    application_id: Reference
    customer_id: CustomerId
    amount_minor: Annotated[int, Meta(ge=1, le=10**12)]
    """In minor units (分)."""
    term_months: Annotated[int, Meta(ge=1, le=360)]
    product: Word
    channel: Word
    bureau_query_id: Reference | UnsetType = UNSET
    bureau_consent_id: Reference | UnsetType = UNSET
    bureau_queried_at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    bureau_score: Count | UnsetType = UNSET
    bureau_inquiry_count_90d: Count | UnsetType = UNSET
    bureau_overdue_account_count: Count | UnsetType = UNSET

    def __post_init__(self) -> None:
        given = [name for name in BUREAU if getattr(self, name) is not UNSET]
        if given and not {"bureau_query_id", "bureau_consent_id"} <= set(given):
            raise ValueError(f"`{given[0]}` needs `bureau_query_id` and `bureau_consent_id`")


BUREAU = tuple(name for name in Application.__struct_fields__ if name.startswith("bureau_"))


class ReasonGiven(Struct, frozen=True):
    """One reason why the score is not better."""

    code: str
    points: float
    """Points that it costs, compared with the average customer."""
    zh: str
    en: str


class FeatureAge(Struct, frozen=True):
    """How old one feature view was when the decision was made."""

    state: State
    age_s: float | None
    """Null where nothing is known."""
    ttl_s: float | None
    """Null where it never grows stale."""


class ModelName(Struct, frozen=True):
    """Which model answered."""

    name: str
    version: int
    digest: str
    """SHA-256 of the model's text."""
    demo: bool
    """Trained or approved by the demo's people: not for real customers."""


class FellBackTo(Struct, frozen=True):
    """A step that could not decide, and why."""

    step: Literal["model", "scorecard", "rules", "refer"]
    reason: str


class PolicySeen(Struct, frozen=True, kw_only=True):
    """What the approved policy said."""

    name: str
    version: int
    digest: str
    """SHA-256 of its text."""
    band: str
    """Empty where the points were not asked."""
    limit_minor: int | None
    """In minor units (分); null where it is not approved."""
    annual_rate_bps: int | None
    """In hundredths of a percent a year; null where it is not approved."""
    currency: str
    lane: Literal["standard", "random_approve"]
    propensity: float
    """With which probability, over the lane's draw, this application is approved."""
    arm: Literal["champion", "challenger"]
    step: Literal["model", "scorecard", "rules", "refer"]
    """What decided: the model, or what stood in for it."""
    fallback: tuple[FellBackTo, ...]
    """Steps that could not, in order; empty while all is well."""
    rule_zh: str = ""
    rule_en: str = ""
    """The sentence of the hard rule that stopped it, if one did."""


class Decision(Struct, frozen=True, kw_only=True):
    """The answer to one application; `decision_id` names its record in the audit log."""

    decision_id: str
    application_id: str
    decision: Literal["approve", "refer", "decline"]
    rule: str
    """What decided: `points`, `view_missing:<view>` or `view_stale:<view>`; under an approved
    policy also `rule:<code>`, `over_limit`, `random_approve`, `no_score` or `switched_off`."""
    points: float | None
    """Null where no step could score."""
    probability_of_default: float | None
    reasons: tuple[ReasonGiven, ...]
    feature_ages: dict[str, FeatureAge]
    model: ModelName | None
    """Null where none was in service, and the policy's rules or a person decide."""
    as_of: datetime
    policy: PolicySeen | None = None
    """Null where none was approved, and the model's own cut-offs decide."""


class ScoreRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Customers to score, at most 10,000 in one call."""

    customer_ids: Annotated[list[CustomerId], Meta(min_length=1, max_length=MOST_IDS)]


class Scores(Struct, frozen=True, kw_only=True):
    """Columns in the order of the ids that were asked; null for a customer who is not known."""

    score_id: str
    """The call's record in the audit log."""
    as_of: datetime
    model: ModelName
    unknown: int
    """How many of the customers are not known."""
    probability_of_default: list[float | None]
    points: list[float | None]
    states: dict[str, list[Annotated[int, Meta(ge=0, le=3)]]]
    """By view: 0 present, 1 stale, 2 missing, 3 of the future."""


class ViewSeen(Struct, frozen=True, kw_only=True):
    """One feature view as the decision saw it."""

    name: str
    state: State
    age_s: float | None
    ttl_s: float | None
    offset: int | None
    """Offset of the event that made it; null where a batch made it."""


class FeatureSeen(Struct, frozen=True):
    """One feature as the decision saw it, and what it did to the score."""

    name: str
    view: str
    value: float | None
    """Null where there is none."""
    contribution: float | None
    """To the raw score: log-odds of default, before calibration."""


class Check(Struct, frozen=True):
    """One part of the record against the same part computed anew."""

    name: str
    same: bool


class Replayed(Struct, frozen=True):
    """Whether the decision comes out the same when it is computed again, bit for bit."""

    same: bool
    checks: tuple[Check, ...]


class Explanation(Struct, frozen=True, kw_only=True):
    """A past decision with all that it rests on, and whether it can be computed again."""

    decision_id: str
    at: datetime
    """The service's clock when the record was written."""
    decision: Literal["approve", "refer", "decline"]
    rule: str
    points: float | None
    probability_of_default: float | None
    pricing_pd: float | None = None
    """For prices and expected loss alone; null where the version has none, or did not score."""
    raw_score: float | None
    base: float | None
    """The model's base contribution; with all features' it sums to the raw score."""
    reasons: tuple[ReasonGiven, ...]
    views: tuple[ViewSeen, ...]
    features: tuple[FeatureSeen, ...]
    model: ModelName | None
    service: str
    digests: dict[str, str]
    actor: str
    actor_roles: tuple[str, ...]
    application: dict[str, Any] | None
    """Personal: for underwriters and auditors, as long as the customer's key is not erased."""
    personal_data: Literal["none", "sealed", "open", "erased"]
    """Why `application` is null: sealed for who asks, or erased for good."""
    replay: Replayed
    policy: PolicySeen | None = None


class PersonSeen(Struct, frozen=True):
    """Who is signed in."""

    name: str
    roles: tuple[str, ...]
    demo: bool


class PolicyCard(Struct, frozen=True, kw_only=True):
    """The policy that decides, for people."""

    name: str
    version: int
    digest: str
    author: str
    approved_by: str
    demo: bool
    off: tuple[str, ...]
    """Steps that are switched off."""
    off_because: str


class ModelCard(Struct, frozen=True, kw_only=True):
    """The model in service, for people."""

    name: str
    version: int
    digest: str
    demo: bool
    card: str
    decision_point: str
    service: str
    customer_id_type: IdType
    features: int
    metrics: dict[str, float]
    approve_points: float
    refer_points: float
    trained_by: str
    approved_by: str
    created_at: str


class Status(Struct, frozen=True, kw_only=True):
    """What the console shows beside decisions; model and person only to somebody signed in."""

    ready: bool
    trouble: str
    """Why the champion is not the model in service; empty while all is well."""
    demo: bool
    clock: datetime
    clock_stands: bool
    provider: str = ""
    """Host of the identity provider at which people may sign in; empty for none."""
    person: PersonSeen | None = None
    model: ModelCard | None = None
    policy: PolicyCard | None = None
    alias: dict[str, Any] | None = None
    """What `alias_status.json` says of aliases that were moved by hand in MLflow."""
    examples: tuple[CustomerId, ...] = ()
    """Customers to try, in the demo."""


def model_name(manifest: Manifest) -> ModelName:
    """Which model this is, for an answer."""
    return ModelName(manifest.name, manifest.version, manifest.digests.model, manifest.demo)


def finite(number: float) -> float | None:
    """The number, or None where it is none: JSON knows neither NaN nor infinity."""
    return number if math.isfinite(number) else None


def read(body: bytes, kind: type[T]) -> T:
    """A JSON body as a record; BadInput names the field that is unknown, missing or wrong.

    >>> read(b'{"customer_ids": [1], "limit": 3}', ScoreRequest)
    Traceback (most recent call last):
    finmodel.errors.BadInput: the body: Object contains unknown field `limit`; see /openapi.json
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        where = f"the body at {place[:80]}" if place else "the body"
        raise BadInput(what[:200], where=where, remedy="see /openapi.json") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            "it is not JSON in UTF-8", where="the body", remedy="send a JSON object"
        ) from error
