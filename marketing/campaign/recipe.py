"""A campaign as a person writes it in YAML: offers, channels, budget, caps, holdout, lanes.

Typed and frozen records of what the file says, and nothing else: `campaign_recipe` reads it and
refuses what cannot be meant. Knows no customer and no model.
"""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from finmodel.behaviours import Product

ChannelName = Literal["app", "push", "sms", "call"]
CHANNELS: tuple[str, ...] = get_args(ChannelName)
"""Every channel there is, in the order in which consent to them is kept."""
Minor = Annotated[int, Meta(ge=0, le=10**15)]
Positive = Annotated[int, Meta(gt=0, le=10**12)]
Share = Annotated[float, Meta(ge=0.0, lt=1.0)]


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence in two languages."""

    zh: str
    en: str


class Models(Struct, frozen=True, forbid_unknown_fields=True):
    """Registered models whose champions are asked."""

    propensity: str
    """P(response) with no offer: what an offer that is taken anyway costs."""
    preference: str
    """The uplift of each treatment: a channel, an offer, or `offer/channel`."""
    risk: str | None = None
    """Who is declined by it gets no credit offer; needed where an offer is credit."""


class Response(Struct, frozen=True, forbid_unknown_fields=True):
    """What a campaign wants to bring about, and until when it counts."""

    event: str
    """A topic, such as loan.drawdown.v1."""
    within_days: Annotated[int, Meta(ge=1, le=365)]


class Offer(Struct, frozen=True, forbid_unknown_fields=True):
    """Something to be offered, and the approved words for it."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    product: Product
    credit: bool
    """Whether it is credit: then risk has a veto."""
    value_minor: Positive
    """What one response more is worth, before the offer's cost."""
    cost_minor: Minor
    """What it costs where it is taken."""
    script: str
    """The approved script's id."""
    sentence: Words
    inventory: Positive | None = None
    """How often it may be made; no limit if left out."""


class Channel(Struct, frozen=True, forbid_unknown_fields=True):
    """A way to a customer."""

    name: str
    cost_minor: Minor
    """Of one contact."""
    hours: tuple[str, str]
    """When it is used at all, as [from, to]."""
    capacity: Positive | None = None
    """Contacts over the whole campaign; no limit if left out."""


class Cap(Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many contacts of one customer within so many days, of all campaigns."""

    contacts: Annotated[int, Meta(ge=1, le=1_000)]
    days: Annotated[int, Meta(ge=1, le=366)]


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """When nobody is contacted; it may pass midnight. 22:00 to 08:00 always is, too."""

    since: str
    to: str


class Holdout(Struct, frozen=True, forbid_unknown_fields=True):
    """Customers who get nothing, the same in every campaign with this salt."""

    share: Share
    salt: str


class Explore(Struct, frozen=True, forbid_unknown_fields=True):
    """A lane by lot among those who are not held out."""

    share: Share = 0.02


class AtOnce(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left of every limit for offers to customers who are here now (`POST /offers`)."""

    share: Share = 0.1


class Suppress(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be chosen of who gets nothing; opt-out, complaint, overdue and student always do."""

    recently_declined_days: Annotated[int, Meta(ge=0, le=3_650)] = 90


class Unpersonalised(Struct, frozen=True, forbid_unknown_fields=True):
    """What everybody gets who opted out of personalisation (PIPL art. 24): nobody scores them."""

    offer: str
    channel: str


class CampaignRecipe(Struct, frozen=True, forbid_unknown_fields=True):
    """All of a campaign."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
    purpose: Words
    starts: dt.date
    ends: dt.date
    """The last day, too."""
    models: Models
    response: Response
    offers: tuple[Offer, ...]
    channels: tuple[Channel, ...]
    budget_minor: Annotated[int, Meta(le=10**15)]
    caps: tuple[Cap, ...]
    quiet_hours: QuietHours
    holdout: Holdout | None = None
    explore: Explore = Explore()
    at_once: AtOnce = AtOnce()
    minimum_uplift: Share = 0.0
    """In probability: whom an offer moves by less gets none, outside the lane by lot."""
    suppress: Suppress = Suppress()
    unpersonalised: Unpersonalised | None = None
    zone: str = "Asia/Shanghai"
    text: str = ""
    """The recipe as written; set when it is read."""

    @property
    def sha256(self) -> str:
        """Of the recipe as written."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Every way to make an offer, as places of an offer and of a channel."""
        return tuple((o, c) for o in range(len(self.offers)) for c in range(len(self.channels)))
