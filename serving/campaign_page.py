"""The addresses behind the marketing page: campaigns, and one plan with its report and its pace.

A question comes in; what lies in the ledger, the plan's signed folder and the last report goes out.
Nothing is computed but prices of now: `finmodel campaign report` makes a report.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta, Struct

from finmodel.clock import micros
from finmodel.errors import Damaged
from finmodel.settings import Settings
from marketing.campaign.pacing import elapsed_of
from marketing.campaign.plan_summary import PlanSummary, Used
from marketing.campaign.recipe import Response, Words
from marketing.ledger.contacts import Planned
from marketing.outcome.report import CampaignReport
from serving import page
from serving.answering import Reply, Route, aside, json_of
from serving.border import Call, Rule
from serving.campaigns.plan import ModelUsed, report_file
from serving.desk import Desk
from serving.offers.asked import Name
from serving.offers.campaign_now import CampaignNow
from serving.openapi import Doc

WATCHERS: Final = frozenset({"analyst", "engineer", "validator", "auditor"})


class PlanSeen(Struct, frozen=True):
    """One plan of a campaign."""

    number: int
    policy_version: str
    made_at: datetime
    made_by: str
    contacts: int


class CampaignSeen(Struct, frozen=True):
    """A campaign and its plans, the newest first."""

    campaign: str
    plans: tuple[PlanSeen, ...]


class CampaignChoices(Struct, frozen=True):
    """What may be looked at, the newest first, and the script of charts."""

    charts: str
    campaigns: tuple[CampaignSeen, ...]


class CampaignQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign's plan; the newest if none is named."""

    campaign: Name
    plan: Annotated[int, Meta(ge=1, le=2**31)] | None = None


class CampaignShown(Struct, frozen=True, kw_only=True):
    """A plan as it is now."""

    as_of: datetime
    plan: PlanSeen
    purpose: Words
    starts: str
    ends: str
    response: Response
    models: tuple[ModelUsed, ...]
    summary: PlanSummary
    report: CampaignReport | None
    """Null until `finmodel campaign report` was run on the plan."""
    elapsed: float
    """The part of the campaign's days that is over."""
    at_once: tuple[Used, ...]
    """Limits of offers at once: what is used, and the prices of now."""


async def choices(_call: Call, desk: Desk) -> Reply:
    """GET /campaigns/choices."""
    plans = await aside(desk, desk.offers.plans)
    told = CampaignChoices(f"/assets/{page.CHARTS}", campaigns_of(plans))
    return Reply(msgspec.json.encode(told))


async def shown(call: Call, desk: Desk) -> Reply:
    """POST /campaigns."""
    asked = json_of(call, CampaignQuestion)
    return Reply(msgspec.json.encode(await aside(desk, show, asked, desk)))


def campaigns_of(plans: list[Planned]) -> tuple[CampaignSeen, ...]:
    """Plans by campaign, whoever was planned last first."""
    newest = sorted(plans, key=lambda one: -one.id)
    order = {name: place for place, name in enumerate(dict.fromkeys(p.campaign for p in newest))}
    parted = groupby(sorted(newest, key=lambda one: order[one.campaign]), lambda p: p.campaign)
    return tuple(CampaignSeen(name, tuple(map(_seen, some))) for name, some in parted)


def show(asked: CampaignQuestion, desk: Desk) -> CampaignShown:
    """A plan with all that is known of it; NotFound where there is none."""
    now = desk.offers.plan(asked.campaign, asked.plan)
    as_of = desk.clock.now()
    recipe = now.recipe
    return CampaignShown(
        as_of=as_of,
        plan=_seen(now.planned),
        purpose=recipe.purpose,
        starts=recipe.starts.isoformat(),
        ends=recipe.ends.isoformat(),
        response=recipe.response,
        models=now.about.models,
        summary=now.about.summary,
        report=last_report(desk.settings, asked.campaign, now.planned.number),
        elapsed=elapsed_of(recipe, micros(as_of)),
        at_once=_at_once(now, desk.offers.used(asked.campaign), micros(as_of)),
    )


def last_report(settings: Settings, campaign: str, number: int) -> CampaignReport | None:
    """The plan's last report; None before the first, Damaged where it cannot be read."""
    path = report_file(settings, campaign, number)
    try:
        return msgspec.json.decode(path.read_bytes(), type=CampaignReport)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise Damaged(
            f"it cannot be read ({error})",
            where=str(Path(path).name),
            remedy=f"make it again: finmodel campaign report {campaign}",
        ) from error


def _seen(one: Planned) -> PlanSeen:
    made = datetime.fromtimestamp(one.made_us / 1e6, UTC)
    return PlanSeen(one.number, one.policy_version, made, one.made_by, one.contacts)


def _at_once(now: CampaignNow, used: dict[str, float], now_us: int) -> tuple[Used, ...]:
    prices = now.price(used, now_us).tolist()
    return tuple(
        Used(name, None if np.isinf(limit) else limit, used.get(name, 0.0), price)
        for (name, limit), price in zip(now.limits.items(), prices, strict=True)
    )


ROUTES: Final = (
    Route(
        Rule("GET", "/campaigns/choices", WATCHERS),
        Doc("Campaigns and their plans.", None, CampaignChoices),
        choices,
    ),
    Route(
        Rule("POST", "/campaigns", WATCHERS),
        Doc("A plan, its report, its pace.", CampaignQuestion, CampaignShown, may=("404",)),
        shown,
    ),
)
