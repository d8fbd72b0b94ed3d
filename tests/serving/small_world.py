"""A small lender's world: features, two signed models, people, and the real service in front.

Models are trained here by LightGBM itself; the service is a process of its own, started once.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import lightgbm as lgb
import msgspec
import numpy as np

from feature_store.lmdb_map import MapPlace
from feature_store.packed_columns import ViewColumns
from feature_store.packed_writer import PackedWriter
from feature_store.plan import FeaturePlan, ServicePlan, ViewPlan
from finmodel.clock import micros, parse_time
from finmodel.export import schema_of, write_export
from finmodel.manifest import (
    Calibration,
    Digests,
    Manifest,
    Policy,
    PricingPd,
    ReasonGroup,
    Scaling,
    digests_of,
)
from finmodel.pointers import Pointer, set_champion
from finmodel.records import ROLES
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from serving.access import People

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "behaviour_risk"
CLOCK = "2005-10-01T00:00:00+08:00"
DAY_US = 86_400_000_000
CUSTOMERS = 400
"""Ids 1 to 400; of these, 1 to 10 have a stale view and 11 to 20 lack one."""
UNKNOWN = 999_999
APPLICATION = {
    "application_id": "A-1",
    "customer_id": 42,
    "amount_minor": 500_000,
    "term_months": 12,
    "product": "cash_loan",
    "channel": "app",
}
PRICING = PricingPd(starts=(-2.0, -1.0, 0.0), pds=(0.05, 0.2, 0.4, 0.7))
"""Probability of default for prices, by the raw score."""
VIEWS = {"balance": 4, "lateness": 3, "account_use": 2}


def plan() -> ServicePlan:
    views = tuple(
        ViewPlan(
            view, 45 * 86_400.0, tuple(FeaturePlan(f"{view}_{n}", "Float32") for n in range(count))
        )
        for view, count in VIEWS.items()
    )
    return ServicePlan("behaviour_risk_v1", "customer_id", "int64", views)


@dataclass
class World:
    """A home with everything in it, and what was put there."""

    settings: Settings
    features: np.ndarray
    """(400, 9) rows as written; NaN where a view is missing."""
    boosters: dict[int, lgb.Booster]
    keys: dict[str, str]
    """Each role's key."""

    def headers(self, role: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[role]}"}

    def point_to(self, version: int) -> None:
        point_to(self.settings, version)


def make_world(home: Path) -> World:
    settings = Settings(
        home=home, data=home, port=free_port(), standing_clock=CLOCK, online_map_gb=0.1
    )
    rng = np.random.default_rng(7)
    features = rng.normal(size=(CUSTOMERS, sum(VIEWS.values()))).astype(np.float32)
    write_features(settings, features)
    features[10:20, 4:7] = np.nan
    ensure_key(settings.signing)
    boosters = {}
    for version, trees in ((1, 12), (2, 20)):
        boosters[version] = train(features, trees)
        export(settings, version, boosters[version].model_to_string())
    point_to(settings, 1)
    people = People(settings.people)
    keys = {role: people.add(f"the {role}", {role}) for role in ROLES}
    return World(settings, features, boosters, keys)


def train(features: np.ndarray, trees: int) -> lgb.Booster:
    rng = np.random.default_rng(trees)
    risk = np.nan_to_num(features) @ np.linspace(0.8, -0.8, features.shape[1])
    label = rng.random(len(features)) < 1 / (1 + np.exp(1.5 - risk))
    parameters = {"objective": "binary", "num_leaves": 8, "min_data_in_leaf": 10, "verbose": -1}
    data = lgb.Dataset(features, label, feature_name=list(plan().names))
    return lgb.train(parameters | {"seed": trees, "num_threads": 1}, data, trees)


def export(settings: Settings, version: int, model: str, **changes) -> Path:
    """A signed export of this model, its manifest changed and its digests true."""
    reasons = tuple(
        ReasonGroup(f"R{place:02d}", f"{view}不佳", f"{view} is poor", view_names(view))
        for place, view in enumerate(VIEWS)
    )
    manifest = Manifest(
        name=NAME,
        version=version,
        card="B",
        decision_point="支用",
        features=plan().names,
        calibration=Calibration("platt", 1.1, 0.05, pricing=PRICING),
        scaling=Scaling(),
        policy=Policy(approve_points=540.0, refer_points=515.0, stale="refer", missing="refer"),
        reasons=reasons,
        digests=Digests("", "", "", ""),
        service=plan().service,
        plan=msgspec.to_builtins(plan()),
        metrics={"auc": 0.78, "ks": 0.43},
        trained_by="the engineer",
        approved_by="the validator",
        demo=True,
    )
    changed = msgspec.structs.replace(manifest, **changes)
    digests = digests_of(
        schema_of(changed),
        sha256(model.encode()).hexdigest(),
        changed.calibration,
        (changed.policy, changed.scaling, changed.reasons),
    )
    told = msgspec.structs.replace(changed, digests=digests)
    return write_export(settings.exports, told, model, settings.signing)


def view_names(view: str) -> tuple[str, ...]:
    return tuple(f"{view}_{n}" for n in range(VIEWS[view]))


def point_to(settings: Settings, version: int, sequence: int | None = None) -> None:
    """Make a version champion; each move has a greater number than the one before."""
    pointer = Pointer(
        name=NAME,
        alias="champion",
        version=version,
        sequence=time.time_ns() if sequence is None else sequence,
        previous=(),
        by="the validator",
        at="2026-01-01T00:00:00Z",
        demo=True,
        reason="a test",
        audit_entry="",
    )
    set_champion(settings.exports, pointer, settings.signing)


def write_features(settings: Settings, features: np.ndarray) -> None:
    writer = PackedWriter(MapPlace(settings.online, settings.online_map_gb), "finmodel")
    ids = np.arange(1, CUSTOMERS + 1)
    fresh = micros(parse_time(CLOCK)) - 30 * DAY_US
    start = 0
    for view in plan().views:
        width = len(view.features)
        event_us = np.full(CUSTOMERS, fresh)
        rows = np.ones(CUSTOMERS, dtype=bool)
        if view.name == "balance":
            event_us[:10] -= 30 * DAY_US
        if view.name == "lateness":
            rows[10:20] = False
        values = features[:, start : start + width]
        columns = ViewColumns(view.name, view.features, event_us[rows], values[rows])
        writer.write_columns("customer_id", ids[rows], [columns])
        start += width


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(settings: Settings):
    """The real service as `finmodel serve` starts it; its address, once it answers at all."""
    log = settings.home / "service.log"
    environment = settings.child_env() | {
        "BENTOML_HOME": str(settings.home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = [sys.executable, "-m", "bentoml", "serve", "serving.decisions:Decisions"]
    with log.open("ab") as out:
        child = subprocess.Popen(
            [*command, "--host", settings.host, "--port", str(settings.port)],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://{settings.host}:{settings.port}"
        wait_until(lambda: answers(f"{address}/livez"), 60, log)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        child.wait(20)


def answers(url: str, status: int = 200) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == status
    except httpx.TransportError:
        return False


def wait_until(holds, seconds: float, log: Path | None = None) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, log.read_text() if log else "it took too long"
        time.sleep(0.05)
