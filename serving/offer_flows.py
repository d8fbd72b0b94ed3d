"""The stories of marketing's calls: offers at once, and what the customer models say.

A request and the person who asks come in; answers go out once their records are durable. Knows
nothing of HTTP.
"""

from __future__ import annotations

import asyncio

import numpy as np

from finmodel.records import Person
from serving.answering import aside
from serving.campaigns.scoring import Reading
from serving.desk import Desk
from serving.offers.answers import KIND, answer, draft
from serving.offers.asked import Offers, OffersRequest, Propensities, PropensityRequest
from serving.offers.propensities import Scored, scores
from serving.schemas import model_name

SCORES_KIND = "propensities"


async def offers(request: OffersRequest, person: Person, desk: Desk) -> Offers:
    """Offers at once to one customer or a segment; each has a record of its own."""
    as_of = desk.clock.now()
    worked = await aside(desk, desk.offers.offers, request.campaign, request.customer_ids, as_of)
    drafts = [draft(worked, one, person) for one in request.customer_ids]
    entries = await asyncio.gather(*(desk.audit.append_async(KIND, **one) for one in drafts))
    told = zip(request.customer_ids, entries, strict=True)
    return Offers(
        as_of=as_of,
        campaign=request.campaign,
        policy_version=worked.now.planned.policy_version,
        models=tuple(model_name(one) for one in worked.champions.manifests),
        prices=worked.prices,
        answers=tuple(answer(worked, customer, entry) for customer, entry in told),
    )


async def propensities(request: PropensityRequest, person: Person, desk: Desk) -> Propensities:
    """What customer models say of customers now, of one read of their features."""
    as_of = desk.clock.now()

    def scored() -> tuple[Scored, int]:
        models = desk.offers.models(request.models)
        withheld = desk.offers.withheld(request.customer_ids)
        ids = np.array(request.customer_ids, np.int64)[~withheld]
        reading = Reading(desk.features, ids, as_of)
        return scores(models, reading, ~withheld), int(withheld.sum())

    (columns, unknown, digest), kept_back = await aside(desk, scored)
    facts = {
        "models": {name: one.model.version for name, one in columns.items()},
        "customers": len(request.customer_ids),
        "unknown": unknown,
        "withheld": kept_back,
        "rows_sha256": digest,
        "actor": person.name,
        "actor_roles": sorted(person.roles),
        "demo": person.demo or any(one.model.demo for one in columns.values()),
    }
    entry = await desk.audit.append_async(SCORES_KIND, facts)
    return Propensities(
        score_id=entry, as_of=as_of, unknown=unknown, withheld=kept_back, scores=columns
    )
