"""What a person waits for a decision, and how many scores go over HTTP, beside stock parts.

A decision is compared with an empty endpoint of the same server behind the same border, in turns,
so that both meet the same moods of the machine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from _decision_world import World, decisions, free_port, running
from _http_load import Load, Waited, run
from _report import note

RATE = 200.0
TURNS = 3
"""Echo and decide are measured in turns of ten seconds each: thirty seconds of either."""
BATCH = 1_000


def decide_figures(world: World, customers: int, seconds: float = 30.0) -> dict[str, float]:
    """A whole `/decide` against `/echo`: open loop, 200 requests a second."""
    decide = _applications(customers)
    echoes, decided = [], []
    with decisions(world):
        for turn in range(TURNS):
            note(f"echo and decide at {RATE:.0f}/s, turn {turn + 1} of {TURNS}")
            echoes.append(_open(world, "/echo", ["{}"], seconds / TURNS))
            decided.append(_open(world, "/decide", decide, seconds / TURNS))
    _require_answered([*echoes, *decided])
    echo, ours = _p99(echoes), _p99(decided)
    return {
        "echo_p50_ms": float(np.median([one.p50_ms for one in echoes])),
        "echo_p99_ms": echo,
        "decide_p50_ms": float(np.median([one.p50_ms for one in decided])),
        "decide_p99_ms": ours,
        "decide_p99_over_echo_p99": ours / echo,
    }


def score_figures(world: World, customers: int, seconds: float = 12.0) -> dict[str, float]:
    """`POST /score` at 1,000 ids a call, one worker, closed loop of two callers."""
    note("score over HTTP")
    with decisions(world):
        load = Load(
            f"{world.address}/score", world.headers, _id_lists(customers), seconds, callers=2
        )
        waited = run(load)
    _require_answered([waited])
    return {
        "score_http_features_per_s": waited.per_second * BATCH * len(world.plan.names),
        "score_http_p50_ms": waited.p50_ms,
    }


def stock_figures(repo: Path, service: str, model: Path, customers: int) -> dict[str, float]:
    """The same ids over stock Feast and `Booster.predict` behind a BentoML service."""
    note("the same over stock Feast and Booster.predict")
    port = free_port()
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "_stock_service:StockScores"),
        *("--working-dir", str(Path(__file__).parent), "--host", "127.0.0.1", "--port", str(port)),
    ]
    env = _environment() | {
        "STOCK_REPO": str(repo),
        "STOCK_SERVICE": service,
        "STOCK_MODEL": str(model),
    }
    address = f"http://127.0.0.1:{port}"
    with running(command, env, f"{address}/readyz", repo / "service.log"):
        waited = run(Load(f"{address}/score", {}, _id_lists(customers), 15.0, callers=2))
    _require_answered([waited])
    return {"stock_http_features_per_s": waited.per_second * BATCH * 128}


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def _open(world: World, path: str, bodies: list[str], seconds: float) -> Waited:
    return run(Load(f"{world.address}{path}", world.headers, bodies, seconds, rate=RATE))


def _p99(turns: list[Waited]) -> float:
    """The median of the turns' 99th percentiles."""
    return float(np.median([one.p99_ms for one in turns]))


def _require_answered(loads: list[Waited]) -> None:
    """A figure of refused requests would be worth nothing."""
    for load in loads:
        if set(load.statuses) != {"200"}:
            raise SystemExit(f"not all requests were answered with 200: {load.statuses}")


def _applications(customers: int) -> list[str]:
    ids = np.random.default_rng(5).integers(1, customers + 1, 2_000).tolist()
    return [
        json.dumps(
            {
                "application_id": f"B-{number}",
                "customer_id": customer,
                "amount_minor": 500_000,
                "term_months": 12,
                "product": "cash_loan",
                "channel": "app",
            }
        )
        for number, customer in enumerate(ids)
    ]


def _id_lists(customers: int) -> list[str]:
    random = np.random.default_rng(6)
    return [
        json.dumps({"customer_ids": random.integers(1, customers + 1, BATCH).tolist()})
        for _ in range(64)
    ]
