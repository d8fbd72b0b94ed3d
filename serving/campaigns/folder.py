"""A plan's signed folder: the recipe, the contact list, every customer's action, the figures.

    marketing/campaigns/NAME/N/{recipe.yaml, contacts.csv, options.parquet, plan.json}

A plan's columns come in, bytes by file name go out, and a written folder is read back after its
signature was checked. Knows how a plan is written, not how it is made.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from finmodel.clock import micros
from finmodel.records import Int64s
from finmodel.settings import Settings
from marketing.campaign.expected import Scores
from marketing.campaign.lanes import Lane
from marketing.campaign.planning import CampaignPlan, Case
from marketing.campaign.recipe import CampaignRecipe
from marketing.ledger.contacts import Contacts, contact_id
from serving.campaigns.plan import CONTACTS, OPTIONS, PLAN, RECIPE, PlanFile, plan_files


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What a plan's folder is made of."""

    recipe: CampaignRecipe
    case: Case
    scores: Scores
    made: CampaignPlan
    about: PlanFile

    @property
    def rows(self) -> Int64s:
        """Of the customers who get a contact."""
        return np.flatnonzero(self.made.actions.action >= 0)

    @property
    def contacts(self) -> Contacts:
        """The contacts that are told to whoever sends."""
        return self._contacts(self.rows)

    @property
    def kept(self) -> Contacts:
        """The contacts as the ledger keeps them: with ghosts, which the plan had for the holdout.

        They count to the holdout's caps alone. Without them it would never meet a cap, and from the
        second plan on other people would be compared than are contacted.
        """
        ghosts = (self.case.lanes == Lane.HOLDOUT) & (self.made.actions.planned >= 0)
        return self._contacts(np.flatnonzero((self.made.actions.action >= 0) | ghosts))

    def _contacts(self, rows: Int64s) -> Contacts:
        actions = self.made.actions
        way = np.where(actions.action >= 0, actions.action, actions.planned)[rows]
        ways = [self.about.ways[one].split("/") for one in way.tolist()]
        return Contacts(
            customer=self.case.customer[rows],
            opens_us=actions.opens_us[rows],
            closes_us=actions.closes_us[rows],
            offer=[offer for offer, _ in ways],
            channel=[channel for _, channel in ways],
            propensity=actions.propensity[rows],
            lane=self.case.lanes[rows],
            cost_minor=self.case.expected.cost[rows, way],
        )

    def files(self) -> dict[str, bytes]:
        """Bytes by name."""
        about = msgspec.json.format(msgspec.json.encode(self.about), indent=2)
        return {
            RECIPE: self.recipe.text.encode(),
            CONTACTS: contact_list(self),
            OPTIONS: _options(self),
            PLAN: about,
        }


def contact_list(told: Written) -> bytes:
    """The CSV that goes to whoever sends."""
    contacts, zone = told.contacts, told.recipe.zone
    scripts = {offer.id: offer.script for offer in told.recipe.offers}
    ids = zip(contacts.customer.tolist(), contacts.opens_us.tolist(), strict=True)
    table = pa.table(
        {
            "contact_id": [contact_id(told.about.plan_id, *one) for one in ids],
            "customer_id": contacts.customer,
            "offer": contacts.offer,
            "channel": contacts.channel,
            "window_opens": _clock_times(contacts.opens_us, zone),
            "window_closes": _clock_times(contacts.closes_us, zone),
            "script": [scripts[offer] for offer in contacts.offer],
            "policy_version": [told.about.policy_version] * len(contacts),
            "propensity": contacts.propensity,
            "lane": _lane_names(contacts.lane),
            "risk_policy": [told.about.risk_policy] * len(contacts),
        }
    )
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(quoting_style="needed"))
    return sink.getvalue()


def read_plan(settings: Settings, campaign: str, number: int) -> tuple[PlanFile, pa.Table, str]:
    """plan.json, the actions and the recipe's text; Damaged where they are not as signed."""
    files = plan_files(settings, campaign, number)
    about = msgspec.json.decode(files[PLAN], type=PlanFile)
    return about, pq.read_table(pa.BufferReader(files[OPTIONS])), files[RECIPE].decode()


def _options(told: Written) -> bytes:
    """Each customer's action, what the plan had for them, and what was expected of it.

    `allowed` has a bit for each way that no rule forbade.
    """
    actions, case, scores = told.made.actions, told.case, told.scores
    columns = {
        "customer_id": case.customer,
        "lane": case.lanes,
        "action": actions.action.astype(np.int16),
        "planned": actions.planned.astype(np.int16),
        "allowed": case.judged.allowed @ (1 << np.arange(case.judged.allowed.shape[1])),
        "propensity": actions.propensity,
        "opens_us": actions.opens_us,
        "reason": pa.array(actions.reason).dictionary_encode(),
        "score": scores.propensity.astype(np.float32),
        "points": scores.points.astype(np.float32),
    }
    for place, name in enumerate(scores.treatments):
        columns[f"effect:{name}"] = scores.effects[:, place].astype(np.float32)
    row = np.arange(len(actions.planned))
    way = actions.planned.clip(min=0)
    for name in ("uplift", "gain", "cost"):
        expected = getattr(case.expected, name)[row, way]
        columns[name] = np.where(actions.planned >= 0, expected, 0.0).astype(np.float32)
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def _clock_times(times_us: Int64s, zone: str) -> list[str]:
    """ISO 8601, by the campaign's clocks; windows are few, so each is written once."""
    known = np.unique(times_us)
    told = {
        one: datetime.fromtimestamp(one / 1e6, ZoneInfo(zone)).isoformat() for one in known.tolist()
    }
    assert all(micros(datetime.fromisoformat(text)) == one for one, text in told.items())
    return [told[one] for one in times_us.tolist()]


def _lane_names(lanes: np.ndarray[tuple[int], np.dtype[np.int8]]) -> list[str]:
    names = {int(lane): lane.name.lower() for lane in Lane}
    return [names[lane] for lane in lanes.tolist()]
