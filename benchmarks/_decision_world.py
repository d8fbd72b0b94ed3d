"""A lender's home for the benches: 128 features in 8 views, a seeded model in service, one key.

Nothing is cut short: the model is exported and signed, the champion pointer is signed, and the real
service is started as `finmodel serve` starts it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from _store_world import make_store

from feature_store.plan import ServicePlan
from finmodel.export import write_export
from finmodel.manifest import Calibration, Manifest, Policy, ReasonGroup, Scaling, digests_of
from finmodel.pointers import Pointer, set_champion
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from serving.access import People

ROOT = Path(__file__).resolve().parent.parent
NAME = "behaviour_risk"
CLOCK = "2026-01-01T00:00:00+00:00"
START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class World:
    """Where everything lies, and the key that opens the service."""

    settings: Settings
    plan: ServicePlan
    key: str

    @property
    def address(self) -> str:
        """Where the service answers."""
        return f"http://{self.settings.host}:{self.settings.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"authorization": f"Bearer {self.key}"}


def make_world(home: Path, customers: int, model: str) -> World:
    """Write features of so many customers, export and sign a model, and add one person."""
    settings = Settings(home=home, data=home, port=free_port(), standing_clock=CLOCK)
    plan = make_store(settings.online, customers)
    ensure_key(settings.signing)
    write_export(settings.exports, manifest_of(plan, model), model, settings.signing)
    point_to(settings, "champion", 1)
    key = People(settings.people).add("bench", {"engineer", "underwriter"}, demo=True)
    return World(settings, plan, key)


def point_to(settings: Settings, alias: str, version: int) -> None:
    """Sign the pointer of an alias."""
    pointer = Pointer(
        name=NAME,
        alias=alias,
        version=version,
        sequence=1,
        previous=(),
        by="bench",
        at=CLOCK,
        demo=True,
        reason="a bench",
        audit_entry="",
    )
    set_champion(settings.exports, pointer, settings.signing)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], env: dict[str, str], ready: str, log: Path) -> Iterator[None]:
    """A server in its own process group, from when it is ready until the end of the block."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env | {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(log.parent / "bento")},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(ready, log)
        yield
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(30)


@contextmanager
def decisions(world: World) -> Iterator[None]:
    """The decision service."""
    settings = world.settings
    command = [sys.executable, "-m", "bentoml", "serve", "serving.decisions:Decisions"]
    where = ["--host", settings.host, "--port", str(settings.port)]
    log = settings.home / "service.log"
    with running([*command, *where], settings.child_env(), f"{world.address}/readyz", log):
        yield


def _wait(url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise SystemExit(f"the server did not start; see {log}: {log.read_text()[-2000:]}")


def manifest_of(plan: ServicePlan, model: str) -> Manifest:
    """What version 1 of the bench's model says of itself."""
    calibration, scaling = Calibration(), Scaling()
    policy = Policy(approve_points=560.0, refer_points=540.0)
    reasons = tuple(
        ReasonGroup(
            view.name,
            f"{view.name} 偏弱",
            f"{view.name} is weak",
            tuple(f.name for f in view.features),
        )
        for view in plan.views
    )
    facts = msgspec.to_builtins(plan)
    judgement = (policy, scaling, reasons)
    return Manifest(
        name=NAME,
        version=1,
        card="B",
        decision_point="支用",
        features=plan.names,
        calibration=calibration,
        scaling=scaling,
        policy=policy,
        reasons=reasons,
        digests=digests_of(facts, sha256(model.encode()).hexdigest(), calibration, judgement),
        service=plan.service,
        plan=facts,
        trained_by="bench",
        approved_by="bench",
        demo=True,
    )
