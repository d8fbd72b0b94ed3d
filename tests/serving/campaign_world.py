"""The small world as a campaign sees it: standings, models that stand in, a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from feature_store.plan import ServicePlan
from finmodel.export import load_export
from finmodel.manifest import Manifest
from finmodel.records import Float32s, Float64s, Person
from finmodel.settings import Settings
from marketing.campaign.recipe import CampaignRecipe
from serving.campaigns.files import COLUMNS, FLAGS
from serving.campaigns.scoring import Champions
from tests.marketing.small_campaign import told
from tests.serving.small_world import CUSTOMERS, NAME, plan

PERSON = Person("lin", frozenset({"analyst"}))
CHANNELS = ("app", "push", "sms")
DATES = {"starts": "2005-10-03", "ends": "2005-10-16"}


@dataclass
class StandIn:
    """A customer model as a campaign asks one: a line of the first feature."""

    manifest: Manifest
    treatments: tuple[str, ...] = ()
    plan: ServicePlan | None = None
    seen: list[Float32s] = field(default_factory=list)

    def propensity(self, matrix: Float32s) -> Float64s:
        self.seen.append(matrix)
        return 1.0 / (1.0 + np.exp(2.0 - np.nan_to_num(matrix[:, 0]).astype(np.float64)))

    def effects(self, matrix: Float32s) -> Float64s:
        moved = 0.06 + 0.05 * np.nan_to_num(matrix[:, 1]).astype(np.float64)
        return moved[:, None] * np.array([0.7, 0.8, 1.0])


def champions(settings: Settings, _recipe: CampaignRecipe | None = None) -> Champions:
    risk = load_export(settings.exports / NAME / "1", settings.signing)

    def named(name: str) -> Manifest:
        return msgspec.structs.replace(risk.manifest, name=name, card=None, policy=None)

    return Champions(
        StandIn(named("borrowing_intent"), plan=plan()),
        StandIn(named("marketing_preference"), CHANNELS),
        risk,
    )


def customers_csv(path: Path, ids: Any = range(1, CUSTOMERS + 1), **changes: Any) -> Path:
    """A file of customers whom no rule stops; a change is a column's values by customer."""
    rows = [",".join(COLUMNS)]
    for one in ids:
        line = {name: "1" for name in COLUMNS}
        line |= {name: "0" for name in FLAGS if name not in ("consent", "personalisation")}
        line |= {"customer_id": str(one), "declined_at": ""}
        line |= {name: str(values[one]) for name, values in changes.items() if one in values}
        rows.append(",".join(line[name] for name in COLUMNS))
    path.write_text("\n".join(rows) + "\n")
    return path


def recipe_file(folder: Path, **changes: Any) -> Path:
    path = folder / "campaign.yaml"
    given = {**DATES, "budget_minor": 60_000, "holdout": {"share": 0.2, "salt": "2026"}}
    models = {"propensity": "borrowing_intent", "preference": "marketing_preference"}
    path.write_text(told(**given | {"models": models | {"risk": NAME}} | changes))
    return path
