"""The demo of marketing: the simulated lender's customers, six models, two campaigns.

Comes in: settings. Goes out: a home beside the demo's, on a clock of its own: a campaign that is
over, with its report, and one that runs now, for offers at once. Events are the simulator's; who
responds is drawn from each customer's true chance with and without an offer, which no model sees.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from finmodel.clock import parse_time
from finmodel.durable import replace_file
from finmodel.errors import Refused
from finmodel.lender import population
from finmodel.lender.simulated import Lender
from finmodel.progress import Progress
from finmodel.records import Person
from finmodel.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
RISK = ROOT / "risk" / "lender_behaviour_risk.yaml"
MARKETING = tuple(
    ROOT / "marketing" / f"{name}.yaml"
    for name in (
        "borrowing_intent",
        "marketing_preference",
        "offer_satisfaction",
        "repayment_willingness",
        "churn_warning",
    )
)
RECIPES = (RISK, *MARKETING)
CAMPAIGN = ROOT / "marketing" / "drawdown_campaign.yaml"
PLANNED, NOW = "2026-04-01T09:00:00+08:00", "2026-06-03T10:00:00+08:00"
"""When the first campaign is planned, and where the clock stands."""
LIVE = Lender(customers=6_000, days=885, seed=7)
"""Customers whose events are counted, up to now: the first of the recipes' lender."""
SEEN_DAYS = 95
"""Days of events before the first plan: the longest window and a little."""
SECOND = {
    "drawdown_spring": "drawdown_june",
    "2026-04-06": "2026-06-02",
    "2026-04-19": "2026-06-15",
}
BUDGET = ("budget_minor: 2000000", "budget_minor: 900000")


def home_of(settings: Settings) -> Settings:
    """The demo's own home and clock, beside those of the other demo."""
    return replace(
        settings,
        home=settings.home.with_name(f"{settings.home.name}-lender"),
        model="lender_behaviour_risk",
        standing_clock=NOW,
    )


def model(
    settings: Settings, recipe: Path, people: tuple[Person, Person], progress: Progress
) -> None:
    """Train, gate and promote one: the risk card that campaigns consult, or one of the five."""
    from finmodel import registry
    from serving.training import Folding, train_recipe

    engineer, validator = people
    trained = train_recipe(settings, recipe, Folding(), progress, engineer)
    if not trained.passed:
        raise Refused(f"its gate did not pass: {trained.failures}", where=trained.name)
    registry.promote(
        settings, trained.name, trained.version, to="champion", approver=validator, demo=True
    )


def behaviours(settings: Settings, _progress: Progress) -> None:
    """Events up to the first plan, counted online."""
    _count(settings, parse_time(PLANNED).timestamp() - SEEN_DAYS * 86_400, PLANNED)


def first_campaign(settings: Settings, person: Person, progress: Progress) -> None:
    """How customers stand, and a plan as it was made in April."""
    from serving.campaigns.acts import Asked, make_plan, take_customers

    then = replace(settings, standing_clock=PLANNED)
    path = settings.home / "demo" / "customers.csv"
    replace_file(path, _standing().to_csv(index=False).encode())
    take_customers(then, path, person)
    make_plan(then, Asked(_recipe(settings, {})), person, progress)


def what_came_of_it(settings: Settings, person: Person, _progress: Progress) -> None:
    """Receipts and responses of the first campaign, its report, and the events until now."""
    from serving.campaigns.folder import read_plan
    from serving.campaigns.reports import make_report, take_receipts

    _count(settings, parse_time(PLANNED).timestamp(), NOW)
    actions = read_plan(settings, "drawdown_spring", 1)[1].to_pandas()
    folder = settings.home / "demo"
    contacts = settings.marketing / "campaigns" / "drawdown_spring" / "1" / "contacts.csv"
    _receipts(pd.read_csv(contacts)).to_csv(folder / "receipts.csv", index=False)
    take_receipts(settings, folder / "receipts.csv", person)
    _responses(actions).to_csv(folder / "responses.csv", index=False)
    make_report(settings, "drawdown_spring", outcomes=folder / "responses.csv")


def second_campaign(settings: Settings, person: Person, progress: Progress) -> None:
    """A campaign that runs now."""
    from serving.campaigns.acts import Asked, make_plan

    begun = replace(settings, standing_clock="2026-06-01T09:00:00+08:00")
    make_plan(begun, Asked(_recipe(settings, SECOND)), person, progress)


def _count(settings: Settings, since: float, until: str) -> None:
    """Append the live customers' events that became known then to the log, and count them."""
    from feature_store.event_log import FileEventLog, append_all
    from feature_store.packed_store import writer_of
    from feature_store.store import apply, window_plans
    from feature_store.stream import catch_up

    store, end = apply(settings), parse_time(until)
    begin = datetime.fromtimestamp(since, end.tzinfo)
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, (one for one in LIVE.events() if begin <= one.known_at < end))
    with FileEventLog(settings.events) as log:
        catch_up(log, writer_of(store.config), window_plans(store))


def _standing() -> pd.DataFrame:
    """Of every live customer; in a real lender's hands this is a file from the consent store."""
    n = LIVE.customers
    draw = np.random.default_rng(LIVE.seed)
    share = {
        "consent": 0.9,
        "personalisation": 0.96,
        "opted_out": 0.03,
        "open_complaint": 0.01,
        "overdue": 0.04,
        "student": 0.03,
        "consent_app": 0.95,
        "consent_push": 0.7,
        "consent_sms": 0.6,
        "consent_call": 0.1,
    }
    columns = {name: (draw.random(n) < part).astype(int) for name, part in share.items()}
    declined = np.where(draw.random(n) < 0.03, "2026-02-20", "")
    return pd.DataFrame({"customer_id": np.arange(1, n + 1)} | columns | {"declined_at": declined})


def _recipe(settings: Settings, changes: dict[str, str]) -> Path:
    """The shipped campaign with a budget that binds so few customers, and some words replaced."""
    text = CAMPAIGN.read_text(encoding="utf-8")
    for old, new in {BUDGET[0]: BUDGET[1], **changes}.items():
        assert old in text, f"{CAMPAIGN}: {old} is gone"
        text = text.replace(old, new)
    path = settings.home / "demo" / f"campaign-{len(changes)}.yaml"
    replace_file(path, text.encode())
    return path


def _receipts(contacts: pd.DataFrame) -> pd.DataFrame:
    """Each contact was sent; most were delivered, a few opted out."""
    draw = np.random.default_rng(LIVE.seed + 1).random(len(contacts))
    parts = [
        contacts.assign(kind="sent"),
        contacts[draw < 0.94].assign(kind="delivered"),
        contacts[draw > 0.96].assign(kind="failed"),
        contacts[draw < 0.01].assign(kind="opted_out"),
    ]
    told = pd.concat(parts, ignore_index=True)
    event = [f"r-{number}" for number in range(len(told))]
    return told.assign(event_id=event, at=told.window_opens)[
        ["event_id", "contact_id", "kind", "at"]
    ]


def _responses(actions: pd.DataFrame) -> pd.DataFrame:
    """Who drew within the window: by the true chance with an offer, or without one."""
    traits = LIVE.truth().traits
    april = np.full(LIVE.customers, 3)
    without, given = population.drawdown(traits, april)
    place = actions.customer_id.to_numpy() - 1
    chance = np.where(actions.action.to_numpy() >= 0, given[place], without[place])
    drew = np.random.default_rng(LIVE.seed + 2).random(len(actions)) < chance
    told = actions[drew & (actions.opens_us.to_numpy() > 0)]
    at = pd.to_datetime(told.opens_us + 3_600_000_000, unit="us", utc=True)
    return pd.DataFrame({"customer_id": told.customer_id, "at": at.map(pd.Timestamp.isoformat)})


__all__ = [
    "behaviours",
    "first_campaign",
    "home_of",
    "model",
    "second_campaign",
    "what_came_of_it",
]
