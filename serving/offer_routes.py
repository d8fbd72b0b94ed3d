"""The addresses of marketing: offers at once, and what the customer models say.

A body is read, one flow is asked, the answer is written.
"""

from __future__ import annotations

from typing import Final

import msgspec

from serving.answering import Reply, Route, json_of, signed_in
from serving.border import Call, Rule
from serving.desk import Desk
from serving.offer_flows import offers, propensities
from serving.offers.asked import Offers, OffersRequest, Propensities, PropensityRequest
from serving.openapi import Doc

OFFERERS: Final = frozenset({"agent", "analyst", "engineer"})
"""Who may have an offer made; a system that asks has the key of an account with one of these."""
SCORERS: Final = frozenset({"analyst", "engineer"})


async def offer(call: Call, desk: Desk) -> Reply:
    """POST /offers."""
    request = json_of(call, OffersRequest)
    return Reply(msgspec.json.encode(await offers(request, signed_in(call), desk)))


async def score(call: Call, desk: Desk) -> Reply:
    """POST /propensities."""
    request = json_of(call, PropensityRequest)
    return Reply(msgspec.json.encode(await propensities(request, signed_in(call), desk)))


ROUTES: Final = (
    Route(
        Rule("POST", "/offers", OFFERERS),
        Doc("Make a campaign's offer to who is here.", OffersRequest, Offers, may=("404", "507")),
        offer,
    ),
    Route(
        Rule("POST", "/propensities", SCORERS),
        Doc("Ask the customer models.", PropensityRequest, Propensities, may=("404", "507")),
        score,
    ),
)
