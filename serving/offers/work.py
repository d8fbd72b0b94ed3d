"""What a campaign gives some customers now: rules, one read of features, prices, lanes, the ledger.

A campaign as it stands, champions and customers come in; an outcome for each goes out, and what was
offered is in the ledger. Knows nothing of HTTP and writes no audit entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from feature_store.online_answers import OnlineReader
from finmodel.clock import micros
from finmodel.errors import BadInput
from finmodel.records import Int64s
from marketing.campaign.choosing import Chosen, choose, windows_now
from marketing.campaign.eligibility import judge, without_shut
from marketing.campaign.expected import Scores
from marketing.campaign.lanes import Lane
from marketing.campaign.planning import Case
from marketing.ledger.at_once import Made, Room, make_offers, used_at_once
from marketing.ledger.contacts import contacts_within
from marketing.ledger.customers import known_in, standing_of
from marketing.ledger.file import Ledger
from serving.campaigns.scoring import Champions, case_of, scores_by, wanted_of
from serving.offers.campaign_now import CampaignNow

UNKNOWN = "unknown_customer"


@dataclass(frozen=True, slots=True, eq=False)
class Worked:
    """Of the customers whom the ledger knows, in their order."""

    now: CampaignNow
    prices: dict[str, float]
    """Of now, after these customers, by the limit's name."""
    champions: Champions
    case: Case
    scores: Scores
    chosen: Chosen
    made: dict[int, Made]
    """By customer: an offer that the prices or the lot chose."""
    contact: dict[int, str]
    """By customer: the contact's id, where the offer was kept."""
    reason: dict[int, str]
    """By customer: the rule why there is no offer; also of strangers."""
    rows: dict[int, int]
    """By customer: the place in the columns; a stranger has none."""

    def row(self, customer: int) -> int | None:
        """The customer's place in the columns; None for a stranger."""
        return self.rows.get(customer)

    def price_of(self, row: int) -> dict[str, float]:
        """Prices when it was a customer's turn, by the limit's name."""
        return dict(zip(self.now.limits, self.chosen.price[row].tolist(), strict=True))


def work(
    now: CampaignNow,
    champions: Champions,
    ledger: Ledger,
    features: OnlineReader,
    asked: tuple[list[int], datetime],
) -> Worked:
    """Outcomes of the customers who are asked for, as of a time; BadInput where none can be."""
    ids, as_of = asked
    _require_once(ids)
    now_us = micros(as_of)
    windows = windows_now(now.recipe, now_us)
    if not any(windows):
        raise BadInput(
            f"it ended on {now.recipe.ends}",
            where=f"campaign {now.recipe.name}",
            remedy="plan another",
        )
    known = known_in(ledger, ids)
    customers = np.array([one for one in ids if one in known], np.int64)
    case, scores = _case(now, champions, (ledger, features), customers, (as_of, windows))
    pace = now.pace(used_at_once(ledger, now.recipe.name), now_us)
    chosen = choose(now.recipe, case, pace)
    made = _made(now, case, chosen, windows)
    kept = make_offers(ledger, list(made.values()), _room(now, ledger, case, chosen, made))
    reason = dict.fromkeys(set(ids) - known, UNKNOWN)
    reason |= dict(zip(customers.tolist(), chosen.reason, strict=True))
    contact = {}
    for one, told in zip(made.values(), kept, strict=True):
        if one.lane != Lane.HOLDOUT:  # a ghost is told to nobody
            contact[one.customer], reason[one.customer] = told.contact_id, told.refused
    named = dict(zip(now.limits, pace.price.tolist(), strict=True))
    rows = {customer: row for row, customer in enumerate(customers.tolist())}
    return Worked(now, named, champions, case, scores, chosen, made, contact, reason, rows)


def _case(
    now: CampaignNow,
    champions: Champions,
    sources: tuple[Ledger, OnlineReader],
    customers: Int64s,
    when: tuple[datetime, list[tuple[int, int] | None]],
) -> tuple[Case, Scores]:
    (ledger, features), (as_of, windows) = sources, when
    recipe, now_us = now.recipe, micros(as_of)
    standing = standing_of(ledger, customers)
    opens = [one[0] for one in windows if one is not None]
    contacts = contacts_within(ledger, customers, recipe.caps, (min(opens), max(opens)))
    judged = judge(recipe, standing, contacts, now_us)
    judged = without_shut(judged, recipe, [one is None for one in windows])
    wanted = wanted_of(judged, standing)
    scores = scores_by(features, champions, customers, wanted, as_of)
    place = now.planned.number, now_us
    return case_of(recipe, standing, judged, scores, place, now.taken), scores


def _room(
    now: CampaignNow, ledger: Ledger, case: Case, chosen: Chosen, made: dict[int, Made]
) -> Room:
    recipe = now.recipe

    def stopped() -> list[str]:
        """What the rules say of these customers now: somebody may have opted out meanwhile."""
        customers = np.array(list(made), np.int64)
        rows = np.flatnonzero(np.isin(case.customer, customers))
        contacts = np.zeros((len(customers), len(recipe.caps)), np.int64)  # the ledger asks caps
        judged = judge(recipe, standing_of(ledger, customers), contacts, case.now_us)
        return [
            judged.against(place, int(_way(chosen, row))) for place, row in enumerate(rows.tolist())
        ]

    return Room(recipe.name, recipe.caps, now.limits, stopped)


def _way(chosen: Chosen, row: int) -> int:
    """What is made to a customer, or would be were they not held out."""
    return int(chosen.action[row] if chosen.action[row] >= 0 else chosen.planned[row])


def _made(
    now: CampaignNow, case: Case, chosen: Chosen, windows: list[tuple[int, int] | None]
) -> dict[int, Made]:
    """By customer, in the order of the case; for the holdout what would have been made."""
    recipe, made = now.recipe, {}
    ghosts = (case.lanes == Lane.HOLDOUT) & (chosen.planned >= 0)
    for row in np.flatnonzero((chosen.action >= 0) | ghosts).tolist():
        way = _way(chosen, row)
        offer, channel = recipe.pairs[way]
        window = windows[channel]
        assert window is not None  # a channel without one is vetoed
        customer = int(case.customer[row])
        made[customer] = Made(
            plan=now.planned.id,
            customer=customer,
            at_us=window[0],
            until_us=window[1],
            offer=recipe.offers[offer].id,
            channel=recipe.channels[channel].name,
            propensity=float(chosen.propensity[row]),
            lane=int(case.lanes[row]),
            cost_minor=float(case.expected.cost[row, way]),
        )
    return made


def _require_once(ids: list[int]) -> None:
    seen: set[int] = set()
    for place, one in enumerate(ids):
        if one in seen:
            raise BadInput(
                "a customer stands twice",
                where=f"the body at `$.customer_ids[{place}]`",
                remedy="ask once for each",
            )
        seen.add(one)
