"""A plan's signed folder by name, and what plan.json in it says.

Settings and a campaign's name come in; a path, or the checked bytes of its files. Needs no library
that reads tables, so that the service can ask it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from finmodel.errors import NotFound
from finmodel.settings import Settings
from finmodel.signing import verify_folder
from marketing.campaign.plan_summary import PlanSummary

RECIPE, CONTACTS, OPTIONS, PLAN = "recipe.yaml", "contacts.csv", "options.parquet", "plan.json"
FILES = frozenset({RECIPE, CONTACTS, OPTIONS, PLAN})


class ModelUsed(msgspec.Struct, frozen=True):
    """A champion as it was when the plan was made."""

    name: str
    version: int
    model_sha256: str
    observational: bool = False
    """Its effects are differences between those who were chosen, not what the treatment did."""


class PlanFile(msgspec.Struct, frozen=True):
    """plan.json."""

    policy_version: str
    recipe_sha256: str
    as_of: str
    """ISO 8601, UTC: features are of then."""
    made_by: str
    demo: bool
    plan_id: int
    """In the ledger; contact ids begin with it."""
    models: tuple[ModelUsed, ...]
    treatments: tuple[str, ...]
    ways: tuple[str, ...]
    """`offer/channel`, in the order of the actions' places."""
    summary: PlanSummary
    risk_policy: str = ""
    """Whose veto held: the policy in force and its version, or the card by its own cut-offs."""
    taken: tuple[float, ...] = ()
    """P(response | treated) by way, the mean of whom the plan scored; nothing in older plans."""

    @property
    def observational(self) -> tuple[str, ...]:
        """Names of the models that steer by what chance did not decide."""
        return tuple(one.name for one in self.models if one.observational)


def plan_folder(settings: Settings, campaign: str, number: int) -> Path:
    """Where a plan lies."""
    return settings.marketing / "campaigns" / campaign / str(number)


def plan_files(settings: Settings, campaign: str, number: int) -> dict[str, bytes]:
    """A plan's files; NotFound where there is none, Damaged where they are not as signed."""
    folder = plan_folder(settings, campaign, number)
    if not folder.is_dir():
        raise NotFound(
            "there is no such plan",
            where=f"campaign {campaign}, plan {number}",
            remedy="see those that were made: finmodel campaign list",
        )
    return verify_folder(folder, settings.signing, FILES)


def report_file(settings: Settings, campaign: str, number: int) -> Path:
    """Where the last report of a plan is kept, as JSON."""
    return settings.marketing / "reports" / f"{campaign}-{number}.json"
