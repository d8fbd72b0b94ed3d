"""The small world with customer models in service and a campaign planned, as a lender has them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightgbm as lgb
import msgspec
import numpy as np

from finmodel.export import write_export
from finmodel.manifest import Calibration, Digests, Manifest, Scaling, digests_of
from finmodel.pointers import Pointer, set_champion
from finmodel.settings import Settings
from marketing.effects.uplift import UpliftModel
from serving.campaigns.acts import Asked, Done, make_plan, take_customers
from tests.serving.campaign_world import CHANNELS, PERSON, customers_csv, recipe_file
from tests.serving.small_world import CUSTOMERS, World, make_world, plan

CALIBRATION = Calibration("platt", 1.1, 0.05)
BEYOND = range(1, CUSTOMERS + 6)
"""The ledger's customers: the last five are in no feature store."""


@dataclass
class Market:
    """A world, its marketing models as LightGBM knows them, and a plan."""

    world: World
    intent: lgb.Booster
    effects: dict[str, tuple[lgb.Booster, lgb.Booster]]
    """By channel: of the treated, of the control."""
    plan: Done

    def propensity(self, rows: np.ndarray) -> np.ndarray:
        raw = self.intent.predict(rows, raw_score=True)
        return 1.0 / (1.0 + np.exp(-(CALIBRATION.slope * raw + CALIBRATION.intercept)))

    def uplift(self, channel: str, rows: np.ndarray) -> np.ndarray:
        treated, control = self.effects[channel]
        return treated.predict(rows) - control.predict(rows)


def make_market(
    folder: Path,
    standing: dict[str, Any] | None = None,
    observational: bool = False,
    **recipe: Any,
) -> Market:
    world = make_world(folder / "home")
    rng = np.random.default_rng(11)
    rows = np.nan_to_num(world.features)
    intent = taught(world.features, rng.random(CUSTOMERS) < chance(rows[:, 0] - 1.5))
    put(world.settings, "borrowing_intent", intent)
    effects = {}
    for place, channel in enumerate(CHANNELS):
        moved = rows[:, 0] - 1.5 + (0.8 + 0.3 * place) * (rows[:, 1] > -0.5)
        pair = (
            rng.random(CUSTOMERS) < chance(moved),
            rng.random(CUSTOMERS) < chance(rows[:, 0] - 1.5),
        )
        effects[channel] = tuple(taught(world.features, one) for one in pair)
    put(world.settings, "marketing_preference", effects["app"][0], effects, observational)
    file = customers_csv(folder / "customers.csv", BEYOND, **(standing or {}))
    take_customers(world.settings, file, PERSON)
    done = make_plan(world.settings, Asked(recipe_file(folder, **recipe)), PERSON)
    return Market(world, intent, effects, done)


def chance(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))


def taught(rows: np.ndarray, label: np.ndarray) -> lgb.Booster:
    told = {"objective": "binary", "num_leaves": 6, "min_data_in_leaf": 20, "verbose": -1}
    data = lgb.Dataset(rows, label, feature_name=list(plan().names))
    return lgb.train(told | {"seed": 1, "num_threads": 1}, data, 15)


def put(
    settings: Settings,
    name: str,
    model: lgb.Booster,
    effects: Any = None,
    observational: bool = False,
) -> None:
    """Export a customer model and make it champion."""
    text, told = model.model_to_string(), b""
    if effects:
        told = msgspec.json.encode(
            {
                channel: UpliftModel(
                    "t",
                    {"treated": one.model_to_string(), "control": other.model_to_string()},
                    0.5,
                    plan().names,
                )
                for channel, (one, other) in effects.items()
            }
        )
    schema = msgspec.to_builtins(plan())
    manifest = Manifest(
        name=name,
        version=1,
        card=None,
        decision_point=None,
        features=plan().names,
        calibration=CALIBRATION,
        scaling=Scaling(),
        policy=None,
        reasons=(),
        digests=Digests("", "", "", ""),
        service=plan().service,
        plan=schema,
        uplift_sha256=sha256(told).hexdigest() if told else "",
        observational=observational,
    )
    digests = digests_of(
        schema, sha256(text.encode()).hexdigest(), CALIBRATION, (None, Scaling(), ())
    )
    manifest = msgspec.structs.replace(manifest, digests=digests)
    write_export(settings.exports, manifest, text, settings.signing, uplift=told)
    pointer = Pointer(
        name=name,
        alias="champion",
        version=1,
        sequence=time.time_ns(),
        previous=(),
        by="the validator",
        at="2005-10-01T00:00:00Z",
        demo=False,
        reason="a test",
        audit_entry="",
    )
    set_champion(settings.exports, pointer, settings.signing)
