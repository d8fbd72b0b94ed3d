"""What is asked for offers and propensities, and what is answered: frozen records.

The one source of their part of the OpenAPI document. Knows no campaign and no model.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from serving.schemas import MOST_IDS, IntegerId, ModelName

MOST_OFFERS = 1_000
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,60}$")]


class OffersRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """One customer or a segment of at most 1,000, and the campaign that may offer something."""

    campaign: Name
    customer_ids: Annotated[list[IntegerId], Meta(min_length=1, max_length=MOST_OFFERS)]


class RuleSeen(Struct, frozen=True):
    """Why there is no offer, in two languages."""

    rule: str
    zh: str
    en: str


class Prices(Struct, frozen=True):
    """What one unit more of each limit would bring, in minor units: what the offer had to beat."""

    budget: float
    """Of one minor unit of the budget."""
    offer: float
    channel: float


class OfferMade(Struct, frozen=True, kw_only=True):
    """An offer, by which channel, and when to make it."""

    contact_id: str
    """The ledger's: receipts name it."""
    offer: str
    product: str
    credit: bool
    channel: str
    opens_at: datetime
    closes_at: datetime
    script: str
    """The approved script's id."""
    zh: str
    en: str
    expected_uplift: float | None
    """Added to the probability of a response; null for the offer that is not personalised."""
    expected_gain_minor: float | None
    expected_cost_minor: float
    gain_after_prices_minor: float | None
    prices: Prices


class OfferAnswer(Struct, frozen=True, kw_only=True):
    """One customer's offer, or why there is none."""

    offer_id: str
    """The record in the audit log."""
    customer_id: int
    offer: OfferMade | None
    reason: RuleSeen | None
    """Null where there is an offer."""
    propensity: float | None
    """Of a response with no offer; null for whom nobody scored."""
    expected_uplift: float | None
    """Of the offer; without one, the most that any way would add. Null for whom nobody scored."""
    lane: Literal["holdout", "explore", "plan", "uniform"] | None
    """The customer's lane, whatever rules say; null for who is not in the ledger."""
    chosen_with: float
    """The probability with which this answer was chosen, over the lots."""


class Offers(Struct, frozen=True, kw_only=True):
    """Answers in the order of the ids that were asked."""

    as_of: datetime
    campaign: str
    policy_version: str
    models: tuple[ModelName, ...]
    prices: dict[str, float]
    """Of every limit, by its name, after this call: what one unit more would bring, in minor
    units."""
    answers: tuple[OfferAnswer, ...]


class PropensityRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Customers to score by customer models, at most 10,000 in one call."""

    customer_ids: Annotated[list[IntegerId], Meta(min_length=1, max_length=MOST_IDS)]
    models: Annotated[list[Name], Meta(min_length=1, max_length=16)] | None = None
    """All that are in service if left out."""


class ModelScores(Struct, frozen=True, kw_only=True):
    """One model's columns, in the order of the ids; null for who is not known, or withheld."""

    model: ModelName
    probability: list[float | None]
    effects: dict[str, list[float | None]]
    """By treatment: what it adds to the probability; empty for a model of propensity alone."""


class Propensities(Struct, frozen=True, kw_only=True):
    """Every model's scores, of one read of the features."""

    score_id: str
    """The call's record in the audit log."""
    as_of: datetime
    unknown: int
    """How many of the customers are not known."""
    withheld: int
    """Customers who opted out of marketing or of personalisation: nobody scores them here."""
    scores: dict[str, ModelScores]
