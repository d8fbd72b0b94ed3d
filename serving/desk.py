"""What the service needs of the world, opened once: model, features, audit log, clock, vault.

Comes in: settings. Goes out: a desk that flows work at, and that closes what it opened.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_store.online_answers import OnlineReader
from feature_store.online_reader import open_features
from finmodel.audit import AuditLog
from finmodel.clock import Clock
from finmodel.decision_log import LAYOUT
from finmodel.errors import FinmodelError
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.auditing.chain import ChainCheck
from serving.in_force import POLICY
from serving.lane_budget import LaneBudget
from serving.live import Live, Place, Served
from serving.monitoring.room import MonitorRoom
from serving.offers.room import OffersRoom
from serving.telemetry import Telemetry
from serving.underwriting.room import CaseRoom

log = logging.getLogger("bentoml.finmodel")

WARM_ROWS = (1, 1_000)
BULK_THREADS = 2


@dataclass(frozen=True, slots=True)
class Desk:
    """Where decisions are made."""

    settings: Settings
    clock: Clock
    live: Live
    features: OnlineReader
    audit: AuditLog
    vault: Vault
    telemetry: Telemetry
    pool: Executor
    """Threads for work too long for the event loop."""
    room: MonitorRoom
    """Where monitoring is computed."""
    lane: LaneBudget
    """What may still be approved by lot today."""
    offers: OffersRoom
    """Where offers at once are worked out."""
    cases: CaseRoom
    """Cases for people."""
    chain: ChainCheck
    """Where the audit log's chain is checked."""


@contextmanager
def open_desk(settings: Settings, telemetry: Telemetry) -> Iterator[Desk]:
    """Open everything, follow the champion, and close all of it at the end."""
    with ExitStack() as stack:
        clock = settings.clock
        vault = stack.enter_context(closing(Vault(settings.vault)))
        audit = stack.enter_context(closing(AuditLog(settings.audit, vault, clock, side=LAYOUT)))
        features = stack.enter_context(closing(open_features(settings)))

        def notice(kind: str, facts: dict[str, Any]) -> None:
            if kind == "export_refused":
                telemetry.refused()
            elif kind == "model_in_service":
                telemetry.loaded(facts["name"], facts["version"])
            try:
                audit.append(kind, facts)
            except FinmodelError:
                log.exception("%s could not be recorded", kind)

        def warm(model: Served) -> None:
            numbers = model.plan.key_type == "int64"
            for rows in WARM_ROWS:
                nobody = np.zeros(rows, dtype=np.int64) if numbers else ["0"] * rows
                batch = features.fetch(nobody, model.plan, clock.now())
                model.scorer.raw_many(batch.matrix)
            model.scorer.contributions(batch.matrix[:1])

        place = Place(
            settings.exports,
            settings.model,
            settings.signing,
            settings.policies,
            POLICY,
            settings.audit,
        )
        live = Live(place, warm, notice)
        live.start()
        stack.callback(live.stop)
        pool = stack.enter_context(ThreadPoolExecutor(BULK_THREADS, thread_name_prefix="bulk"))
        room = stack.enter_context(closing(MonitorRoom(settings)))
        lane = LaneBudget(settings.audit, clock)
        offers = stack.enter_context(closing(OffersRoom(settings, features)))
        yield Desk(
            settings=settings,
            clock=clock,
            live=live,
            features=features,
            audit=audit,
            vault=vault,
            telemetry=telemetry,
            pool=pool,
            room=room,
            lane=lane,
            offers=offers,
            cases=stack.enter_context(closing(CaseRoom(settings, audit, vault))),
            chain=stack.enter_context(closing(ChainCheck(settings, audit.append))),
        )
