"""Campaigns as acts: customers taken in, a campaign planned, plans listed. Who may, and what stays.

Settings, files and a person come in; the ledger, a signed folder and an entry of the audit log
are what is left, all of a plan or nothing. Judgement is marketing's, the veto is risk's: here they
meet.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from finmodel.acts import audited
from finmodel.clock import micros
from finmodel.durable import replace_file
from finmodel.errors import BadInput
from finmodel.progress import Progress, silent
from finmodel.records import Int64s, Person
from finmodel.restriction_book import is_number, restricted_customers
from finmodel.settings import Settings
from finmodel.signed_folders import write_signed
from finmodel.signing import ensure_key
from marketing.campaign.eligibility import judge, without_shut
from marketing.campaign.expected import Scores
from marketing.campaign.limits import without_spent
from marketing.campaign.plan_summary import PlanSummary, summary_of
from marketing.campaign.planning import Case, plan_campaign, windows_by_channel
from marketing.campaign.recipe import CampaignRecipe
from marketing.campaign.recipe_file import load_campaign
from marketing.campaign.standing import Standing
from marketing.campaign.withdrawing import concerned, withdraw
from marketing.ledger.contacts import (
    Next,
    Planned,
    Writing,
    contacts_within,
    new_plan,
    next_plan,
    plans_of,
    used_by_plans,
)
from marketing.ledger.customers import Taken, standing_of, take_in
from marketing.ledger.file import Ledger, has_ledger, open_ledger
from marketing.ledger.forgetting import restrict
from serving.campaigns.files import read_customers, read_segment
from serving.campaigns.folder import Written
from serving.campaigns.plan import CONTACTS, ModelUsed, PlanFile, plan_folder
from serving.campaigns.scoring import (
    Champions,
    case_of,
    open_champions,
    scores_of,
    wanted_of,
    with_veto,
)

PLANNERS = frozenset({"analyst", "engineer"})
Opening = Callable[[Settings, CampaignRecipe], Champions]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be planned."""

    recipe: Path
    as_of: datetime | None = None
    """Features as of then; now, if none is named."""
    segment: Path | None = None
    """Only these customers; all in the ledger, if none is named."""
    output: Path | None = None
    """Where to copy the contact list."""


@dataclass(frozen=True, slots=True)
class Done:
    """A plan that was made."""

    policy_version: str
    folder: str
    contact_list: str
    audit_entry: str
    summary: PlanSummary
    observational: tuple[str, ...]
    """Models whose effects are differences between those chosen, not what a treatment did."""
    risk_policy: str = ""
    """Whose veto of credit held."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The ledger as it was read."""

    standing: Standing
    contacts: Int64s
    """(n, caps)"""
    used: dict[str, float]
    """By the campaign's earlier plans, by the name of the limit."""


def take_customers(settings: Settings, file: Path, person: Person) -> Taken:
    """Take in how customers stand; BadInput, and nothing taken in, where a row cannot be read."""
    now = micros(settings.clock.now())
    told = read_customers(file, now)
    restricted = restricted_customers(settings)
    with closing(open_ledger(settings)) as ledger:
        restrict(ledger, map(int, filter(is_number, restricted)))
        taken = take_in(ledger, told, now)
    facts: dict[str, Any] = {"by": person.name, "file_sha256": _digest(file.read_bytes())}
    audited(settings, "customers_taken_in", facts | {"customers": taken.customers})
    return taken


def make_plan(
    settings: Settings,
    asked: Asked,
    person: Person,
    progress: Progress = silent,
    opening: Opening = open_champions,
) -> Done:
    """Plan a campaign: its folder, its contacts in the ledger, its entry in the audit log."""
    recipe = load_campaign(asked.recipe)
    now = settings.clock.now()
    as_of = asked.as_of or now
    if as_of > now:
        raise BadInput(f"{as_of.isoformat()} is later than now", where="--as-of", remedy="wait")
    _require_folder(asked.output)
    windows = windows_by_channel(recipe, micros(now))  # before anybody is scored: it may be over
    champions = with_veto(settings, recipe, opening(settings, recipe))
    with closing(open_ledger(settings)) as ledger:
        begun = next_plan(ledger, recipe.name)
        seen = _look(ledger, recipe, asked.segment, micros(now))
        judged = judge(recipe, seen.standing, seen.contacts, micros(now))
        judged = without_shut(judged, recipe, [not len(one.opens_us) for one in windows])
        judged = without_spent(recipe, judged, seen.used)
        wanted, customers = wanted_of(judged, seen.standing), seen.standing.customer
        scores = scores_of(settings, champions, customers, wanted, as_of, progress)
        case = case_of(recipe, seen.standing, judged, scores, (begun.number, micros(now)))
        case = replace(case, used=seen.used)
        with _quiet():
            told = _written(recipe, case, scores, begun, _About(champions, person, as_of))
        progress("campaigns allocated", 1, 1)
        with new_plan(ledger, begun) as writing:
            if writing.changed:
                told = _as_of_now(ledger, told, micros(now))
            done = _keep(settings, told, writing, micros(now))
    if asked.output is not None:
        replace_file(asked.output.absolute(), Path(done.contact_list).read_bytes())
    return done


def _require_folder(output: Path | None) -> None:
    """BadInput where the list could not be copied: a plan that stands is not made again."""
    if output is None:
        return
    if output.is_dir() or not os.access(output.absolute().parent, os.W_OK | os.X_OK):
        raise BadInput(
            f"no file can be written at {output}",
            where="--output",
            remedy="name a file in a folder that there is, and that you may write to",
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """One plan in the list."""

    campaign: str
    number: int
    contacts: int
    made_at: str
    made_by: str
    policy_version: str
    audit_entry: str


def campaigns(settings: Settings) -> list[Listed]:
    """Every plan of every campaign, the newest last."""
    if not has_ledger(settings):
        return []
    with closing(open_ledger(settings)) as ledger:
        return [_listed(one) for one in plans_of(ledger)]


def _listed(one: Planned) -> Listed:
    made_at = datetime.fromtimestamp(one.made_us / 1e6, UTC).isoformat()
    return Listed(
        one.campaign,
        one.number,
        one.contacts,
        made_at,
        one.made_by,
        one.policy_version,
        one.audit_entry,
    )


@dataclass(frozen=True, slots=True)
class _About:
    champions: Champions
    person: Person
    as_of: datetime


def _look(ledger: Ledger, recipe: CampaignRecipe, segment: Path | None, now_us: int) -> _Seen:
    standing = standing_of(ledger, None if segment is None else read_segment(segment))
    if not len(standing):
        raise BadInput(
            "there is no customer in it",
            where="the ledger",
            remedy="say how customers stand first: finmodel campaign customers FILE",
        )
    contacts = _contacts(ledger, recipe, standing.customer, now_us)
    return _Seen(standing, contacts, used_by_plans(ledger, recipe.name))


def _contacts(ledger: Ledger, recipe: CampaignRecipe, customers: Int64s, now_us: int) -> Int64s:
    """(n, caps) contacts that could meet one of the campaign's within a cap's days."""
    windows = [one for one in windows_by_channel(recipe, now_us) if len(one.opens_us)]
    ends = [int(one.opens_us[-1]) for one in windows]
    starts = [int(one.opens_us[0]) for one in windows]
    return contacts_within(ledger, customers, recipe.caps, (min(starts), max(ends)))


def _as_of_now(ledger: Ledger, told: Written, now_us: int) -> Written:
    """The plan without whom a rule stops since it was begun: the ledger goes on while one plans."""
    recipe, rows = told.recipe, concerned(told.made)
    customers = told.case.customer[rows]
    contacts = _contacts(ledger, recipe, customers, now_us)
    later = judge(recipe, standing_of(ledger, customers), contacts, now_us)
    case, made = withdraw(told.case, told.made, rows, later)
    summary = summary_of(recipe, case, made, told.about.summary.budget_curve)
    about = msgspec.structs.replace(told.about, summary=summary)
    return replace(told, case=case, made=made, about=about)


def _written(
    recipe: CampaignRecipe, case: Case, scores: Scores, begun: Next, about: _About
) -> Written:
    made = plan_campaign(recipe, case)
    manifests = about.champions.manifests
    plan = PlanFile(
        policy_version=f"{recipe.sha256[:12]}-{begun.number}",
        recipe_sha256=recipe.sha256,
        as_of=about.as_of.isoformat(),
        made_by=about.person.name,
        demo=about.person.demo or any(one.demo for one in manifests),
        plan_id=begun.id,
        models=tuple(
            ModelUsed(one.name, one.version, one.digests.model, one.observational)
            for one in manifests
        ),
        risk_policy=_risk_policy(about.champions),
        treatments=scores.treatments,
        ways=tuple(f"{recipe.offers[o].id}/{recipe.channels[c].name}" for o, c in recipe.pairs),
        summary=summary_of(recipe, case, made),
        taken=tuple(case.expected.taken.tolist()),
    )
    return Written(recipe, case, scores, made, plan)


def _risk_policy(champions: Champions) -> str:
    return "" if champions.veto is None else champions.veto.name


def _keep(settings: Settings, told: Written, writing: Writing, now_us: int) -> Done:
    """The folder first, then its entry, then the ledger: what the ledger names is all there."""
    about, contacts, files = told.about, told.contacts, told.files()
    folder = plan_folder(settings, writing.of.campaign, writing.of.number)
    shutil.rmtree(folder, ignore_errors=True)  # of a try that the ledger never knew
    ensure_key(settings.signing)
    write_signed(folder, files, settings.signing)
    body = {
        "campaign": writing.of.campaign,
        "plan": writing.of.number,
        "by": about.made_by,
        "demo": about.demo,
        "policy_version": about.policy_version,
        "contacts": len(contacts),
        "models": [f"{one.name} {one.version}" for one in about.models],
        "risk_policy": about.risk_policy,
        "files_sha256": {name: _digest(data) for name, data in files.items()},
    }
    entry = audited(settings, "campaign_planned", body)
    writing.write(about.policy_version, (now_us, about.made_by), told.kept, entry)
    return Done(
        about.policy_version,
        str(folder),
        str(folder / CONTACTS),
        entry,
        about.summary,
        about.observational,
        about.risk_policy,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """HiGHS says things on standard output that no option silences: they go to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
