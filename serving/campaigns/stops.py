"""`finmodel campaign stops`: contacts handed out that may no longer be sent, for whoever sends.

Settings, a campaign's name and a person come in; the contacts ahead that a rule forbids by now go
out, as records and as a CSV, with an entry of the audit log.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from finmodel.acts import audited
from finmodel.clock import micros
from finmodel.durable import replace_file
from finmodel.records import Person
from finmodel.settings import Settings
from marketing.campaign.eligibility import judge
from marketing.campaign.recipe import CampaignRecipe
from marketing.campaign.recipe_file import campaign_in
from marketing.ledger.contacts import Planned, contact_id, never_planned, plans_of
from marketing.ledger.customers import standing_of
from marketing.ledger.file import Ledger, has_ledger, open_ledger
from marketing.ledger.stops import Ahead, contacts_ahead
from serving.campaigns.plan import RECIPE, plan_files


@dataclass(frozen=True, slots=True)
class Stop:
    """A contact that is not to be sent; a row of the CSV."""

    contact_id: str
    customer_id: int
    offer: str
    channel: str
    window_opens: str
    """ISO 8601, by the campaign's clocks."""
    window_closes: str
    policy_version: str
    rules: str
    """Ids of all the rules that forbid it, with blanks between."""


@dataclass(frozen=True, slots=True)
class Stops:
    """What is not to be sent of a campaign."""

    campaign: str
    ahead: int
    """Contacts that were not sent yet, or failed, and whose window has not closed."""
    stopped: int
    by_rule: dict[str, int]
    output: str
    """Empty where no file was asked for."""
    audit_entry: str
    contacts: list[Stop]


def list_stops(settings: Settings, campaign: str, output: Path | None, person: Person) -> Stops:
    """Contacts of all the campaign's plans that the customers' standing now forbids."""
    if not has_ledger(settings):
        raise never_planned(campaign)
    now_us, count = micros(settings.clock.now()), 0
    found: list[Stop] = []
    with closing(open_ledger(settings)) as ledger:
        for plan in plans_of(ledger, campaign):
            ahead = contacts_ahead(ledger, plan.id, now_us)
            count += len(ahead)
            if ahead:
                files = plan_files(settings, campaign, plan.number)
                where = Path(f"campaign {campaign}, plan {plan.number}")
                recipe = campaign_in(files[RECIPE].decode(), where)
                found += _stops(ledger, plan, recipe, ahead, now_us)
    listed = _csv(found)
    if output is not None:
        replace_file(output.absolute(), listed)
    digest = sha256(listed).hexdigest()
    facts = {"by": person.name, "campaign": campaign, "stopped": len(found), "file_sha256": digest}
    return Stops(
        campaign=campaign,
        ahead=count,
        stopped=len(found),
        by_rule=dict(Counter(rule for one in found for rule in one.rules.split())),
        output="" if output is None else str(output),
        audit_entry=audited(settings, "contacts_stopped", facts),
        contacts=found,
    )


def _stops(
    ledger: Ledger, plan: Planned, recipe: CampaignRecipe, ahead: list[Ahead], now_us: int
) -> list[Stop]:
    standing = standing_of(ledger, np.array([one.customer for one in ahead], np.int64))
    none = np.zeros((len(ahead), len(recipe.caps)), np.int64)  # they are contacts of the caps
    judged = judge(recipe, standing, none, now_us)
    names = [(recipe.offers[o].id, recipe.channels[c].name) for o, c in recipe.pairs]
    ways = np.array([names.index((one.offer, one.channel)) for one in ahead])
    rows = np.arange(len(ahead))
    forbids = dict(judged.stopped)
    forbids |= {rule: flags[rows, ways] for rule, flags in judged.vetoed.items()}
    told = [" ".join(rule for rule, flags in forbids.items() if flags[row]) for row in rows]
    zone = ZoneInfo(recipe.zone)
    return [
        Stop(
            contact_id=contact_id(plan.id, one.customer, one.opens_us),
            customer_id=one.customer,
            offer=one.offer,
            channel=one.channel,
            window_opens=datetime.fromtimestamp(one.opens_us / 1e6, zone).isoformat(),
            window_closes=datetime.fromtimestamp(one.closes_us / 1e6, zone).isoformat(),
            policy_version=plan.policy_version,
            rules=rules,
        )
        for one, rules in zip(ahead, told, strict=True)
        if rules
    ]


def _csv(stops: list[Stop]) -> bytes:
    text = io.StringIO()
    rows = csv.DictWriter(text, Stop.__slots__, lineterminator="\n")
    rows.writeheader()
    rows.writerows(asdict(one) for one in stops)
    return text.getvalue().encode()
