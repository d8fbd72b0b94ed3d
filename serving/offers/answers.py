"""What was worked out for a customer, as the caller is told it and as the audit log keeps it.

Pure: knows no HTTP and no file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from finmodel.records import Person
from marketing.campaign.eligibility import RULES
from marketing.campaign.lanes import Lane
from serving.offers.asked import OfferAnswer, OfferMade, Prices, RuleSeen
from serving.offers.work import Worked
from serving.schemas import finite

KIND = "offer"


def answer(worked: Worked, customer: int, entry: str) -> OfferAnswer:
    """What is told of one customer; `entry` is the record's id."""
    row, rule = worked.row(customer), worked.reason[customer]
    known = row is not None
    return OfferAnswer(
        offer_id=entry,
        customer_id=customer,
        offer=None if rule else _offer(worked, customer),
        reason=RuleSeen(rule, RULES[rule].zh, RULES[rule].en) if rule else None,
        propensity=finite(float(worked.scores.propensity[row])) if known else None,
        expected_uplift=None if row is None else _uplift(worked, row),
        lane=_lane(int(worked.case.lanes[row])) if known else None,
        chosen_with=float(worked.chosen.propensity[row]) if known else 1.0,
    )


def _uplift(worked: Worked, row: int) -> float | None:
    """Of the offer, else the most of any way; None for whom nobody scored."""
    if not worked.scores.there[row]:
        return None
    way = int(worked.chosen.action[row])
    uplift = worked.case.expected.uplift[row]
    return float(uplift[way] if way >= 0 else uplift.max())


def _offer(worked: Worked, customer: int) -> OfferMade:
    made, row, recipe = worked.made[customer], worked.row(customer), worked.now.recipe
    assert row is not None  # only customers of the ledger are offered something
    way = int(worked.chosen.action[row])
    offer = recipe.offers[recipe.pairs[way][0]]
    there, expected = bool(worked.scores.there[row]), worked.case.expected
    price = worked.price_of(row)
    return OfferMade(
        contact_id=worked.contact[customer],
        offer=offer.id,
        product=offer.product,
        credit=offer.credit,
        channel=made.channel,
        opens_at=_time(made.at_us, recipe.zone),
        closes_at=_time(made.until_us, recipe.zone),
        script=offer.script,
        zh=offer.sentence.zh,
        en=offer.sentence.en,
        expected_uplift=float(expected.uplift[row, way]) if there else None,
        expected_gain_minor=float(expected.gain[row, way]) if there else None,
        expected_cost_minor=made.cost_minor,
        gain_after_prices_minor=finite(float(worked.chosen.after[row, way])) if there else None,
        prices=Prices(price["budget"], price[offer.id], price[made.channel]),
    )


def draft(worked: Worked, customer: int, person: Person) -> dict[str, Any]:
    """One outcome as `AuditLog.append` takes it; who it is about is sealed."""
    row, made = worked.row(customer), worked.made.get(customer)
    rule, manifests = worked.reason[customer], worked.champions.manifests
    veto = worked.champions.veto
    body: dict[str, Any] = {
        "campaign": worked.now.recipe.name,
        "plan": worked.now.planned.number,
        "policy_version": worked.now.planned.policy_version,
        "offer": made.offer if made is not None and not rule else "",
        "channel": made.channel if made is not None and not rule else "",
        "reason": rule,
        "models": {one.name: one.version for one in manifests},
        "risk_policy": "" if veto is None else veto.name,
        "actor": person.name,
        "actor_roles": sorted(person.roles),
        "demo": person.demo or any(one.demo for one in manifests),
    }
    if row is None:
        return {"body": body}
    body |= {"lane": _lane(int(worked.case.lanes[row])), "prices": worked.price_of(row)}
    return {
        "body": body,
        "columns": _figures(worked, row, rule),
        "personal": {"customer_id": customer, "contact_id": worked.contact.get(customer, "")},
        "subject": str(customer),
    }


def _figures(worked: Worked, row: int, rule: str) -> dict[str, Any]:
    """What the choice was made of, and what was made of it: a rule may have stopped it since."""
    expected, chosen = worked.case.expected, worked.chosen
    return {
        "propensity": worked.scores.propensity[row],
        "effects": worked.scores.effects[row],
        "points": worked.scores.points[row],
        "uplift": expected.uplift[row],
        "cost": expected.cost[row],
        "gain": expected.gain[row],
        "after_prices": chosen.after[row],
        "action": np.int64(-1 if rule else chosen.action[row]),
        "chosen": np.int64(chosen.action[row]),
        "chosen_with": chosen.propensity[row],
    }


def _lane(lane: int) -> Any:
    return Lane(lane).name.lower()


def _time(us: int, zone: str) -> datetime:
    return datetime.fromtimestamp(us / 1e6, ZoneInfo(zone))
