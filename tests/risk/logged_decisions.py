"""A small audit log of decisions for monitoring, written by the real writer."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from finmodel.audit import AuditLog
from finmodel.clock import micros
from finmodel.decision_log import LAYOUT, facts_code
from finmodel.vault import Vault

VIEWS = ("bills", "lateness")
NAMES = ("bills_0", "bills_1", "lateness_0")


@dataclass
class MovingClock:
    """A clock that is set."""

    at: object

    def now(self):
        return self.at


@dataclass
class Decided:
    """Decisions to log: columns of one length."""

    day: np.ndarray
    raw: np.ndarray
    vector: np.ndarray
    version: int = 1
    product: str = "cash_loan"
    first: int = 0
    answer: np.ndarray | None = None
    ages_s: float = 60.0
    applications: list = field(default_factory=list)
    card_points: np.ndarray | None = None
    """Points of the fallback scorecard, where it scored in the model's place; `raw` is NaN then."""


def points_of(raw):
    return 600 - 20 / np.log(2) * (raw + np.log(50))


def log_decisions(settings, start, parts, model="card", segment_bytes=256 << 10):
    """Log decisions of some parts in order of time; the ids of their applications."""
    with closing(Vault(settings.vault)) as vault:
        clock = MovingClock(start)
        log = AuditLog(
            settings.audit, vault, clock, False, segment_bytes=segment_bytes, side=LAYOUT
        )
        with closing(log):
            for part in parts:
                log_part(log, vault, clock, start, part, model)


def log_part(log, vault, clock, start, part, model):
    part.applications = [f"{part.product}-{part.first + n}" for n in range(len(part.raw))]
    stand_ins = vault.stand_ins(part.applications)
    pd = 1 / (1 + np.exp(-part.raw))
    points = points_of(part.raw) if part.card_points is None else part.card_points
    for n, stand_in in enumerate(stand_ins):
        clock.at = start + timedelta(days=float(part.day[n]))
        answer = "approve" if points[n] >= 560 else "refer" if points[n] >= 540 else "decline"
        body = {
            "model": model,
            "version": part.version,
            "service": "card_v1",
            "views": list(VIEWS),
            "decision": answer,
            "rule": "points",
            "reasons": [["R", float(n)]],
            "product": part.product,
            "channel": "app",
        }
        columns = {
            "facts": facts_code(body),
            "application": stand_in,
            "vector": part.vector[n].astype(np.float32),
            "ages_s": np.array([part.ages_s, 10 * part.ages_s]),
            "states": np.array([0, n % 2], np.uint8),
            "contributions": np.append(part.vector[n].astype(float), part.raw[n]),
            "raw": float(part.raw[n]),
            "probability": float(pd[n]),
            "points": float(points[n]),
        }
        log.append("decision", body, columns=columns)


def stand_in_of(settings, applications):
    with closing(Vault(settings.vault)) as vault:
        return np.array(vault.stand_ins(applications), np.int64)


def at_us(start, days):
    return micros(start) + (np.asarray(days) * 86_400_000_000).astype(np.int64)
