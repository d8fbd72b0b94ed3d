"""Monitoring from cold: `finmodel bench monitor --json`.

Ten million decisions of 128 features over a year are laid into an audit log in its own format (see
`_decision_segments`), with outcomes of those that are old enough, a champion, a challenger and the
build sample's reference in MLflow. Then `finmodel monitor MODEL --by week --json` runs once as a
process of its own, its files out of the page cache, nothing aggregated beforehand: `panels_s` is
from its start to its end, imports included, `peak_gb` the most memory it held.

`python benchmarks/monitor.py --rows 1000000` takes fewer. Needs 1 GB of disk a million rows.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _decision_segments import Batch, SegmentWriter
from _decision_world import manifest_of, point_to
from _report import note, print_report
from _store_world import bench_plan
from scorer import seeded_model, seeded_rows

from feature_store.plan import ServicePlan
from finmodel import outcome_files, tracking
from finmodel.clock import micros
from finmodel.export import write_export
from finmodel.manifest import Manifest
from finmodel.outcomes import UNKNOWN, Outcomes
from finmodel.records import Float32s, Float64s, Int64s
from finmodel.scorer import Scorer
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from risk import scaling
from risk.labels.delays import DAY as DAY_US
from risk.monitor.reference import FILE, BuildSample, reference_of

ROWS, POOL, EACH, SEED = 10_000_000, 40_000, 50_000, 20260101
START = datetime(2025, 1, 1, tzinfo=UTC)
END = START + timedelta(days=364)
NAME = "behaviour_risk"
WINDOW_US = 180 * DAY_US
GB = 2**30


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Customers that decisions are drawn from; the second half has moved."""

    matrix: Float32s
    raw: Float64s
    contributions: Float64s
    probability: Float64s
    points: Float64s


def make_pool(scorer: Scorer, manifest: Manifest) -> Pool:
    """Scored rows, some features of the second half moved by half a standard deviation."""
    matrix = seeded_rows(POOL, len(manifest.features), SEED)
    matrix[POOL // 2 :, :6] += np.float32(0.5)
    raw = scorer.raw_many(matrix)
    log_odds = scaling.calibrated(raw, manifest.calibration)
    return Pool(
        matrix,
        raw,
        scorer.contributions(matrix),
        scaling.probability(log_odds),
        scaling.points_many(log_odds, manifest.scaling),
    )


def named(text: str, plan: ServicePlan) -> str:
    """The model over the plan's features."""
    names = f"feature_names={' '.join(plan.names)}"
    return re.sub(r"^feature_names=.*$", names, text, count=1, flags=re.M)


def make_home(home: Path) -> tuple[Settings, Manifest, Pool]:
    """A home with two signed versions and the reference of the first."""
    settings = Settings(home=home, data=home, standing_clock=END.isoformat())
    settings.make_home()
    ensure_key(settings.signing)
    plan = bench_plan()
    texts = [named(seeded_model(200, 15, 128, seed, depth=4), plan) for seed in (1, 2)]
    manifest = manifest_of(plan, texts[0])
    pool = make_pool(Scorer.from_text(texts[0]), manifest)
    with tracking.run(settings, NAME, {}) as run:
        tracking.keep(settings, run.id, FILE, reference(pool, plan))
    for version, (alias, text) in enumerate(
        zip(("champion", "challenger"), texts, strict=True), start=1
    ):
        told = msgspec.structs.replace(manifest_of(plan, text), version=version, run_id=run.id)
        write_export(settings.exports, told, text, settings.signing)
        point_to(settings, alias, version)
    return settings, manifest, pool


def reference(pool: Pool, plan: ServicePlan) -> str:
    """The build sample: the half that has not moved."""
    half = POOL // 2
    labels = np.random.default_rng(SEED).random(half) < pool.probability[:half]
    built = BuildSample(
        plan.names, pool.matrix[:half], pool.points[:half], labels.astype(float),
        pool.contributions[:4_000],
    )  # fmt: skip
    return msgspec.json.encode(reference_of(built, "build sample of the bench")).decode()


def write_log(settings: Settings, manifest: Manifest, pool: Pool, rows: int) -> Int64s:
    """Lay the decisions; (rows,) the customer of each."""
    rng = np.random.default_rng(SEED + 1)
    writer = SegmentWriter(settings.audit, bodies(manifest), spare=True)
    drawn = []
    for begin in range(0, rows, EACH):
        number = np.arange(begin, min(begin + EACH, rows))
        moved = rng.random(len(number)) < 0.5 * number / rows
        customer = rng.integers(0, POOL // 2, len(number)) + moved * (POOL // 2)
        writer.write(_batch(rng, pool, customer, number, rows))
        drawn.append(customer)
        if begin // EACH % 20 == 19:
            note(f"{begin + EACH:,} of {rows:,} decisions laid")
    writer.close()
    note(f"{writer.rows_bytes / GB:.1f} GB of frames")
    return np.concatenate(drawn)


def bodies(manifest: Manifest) -> list[dict[str, Any]]:
    """What decisions share: an answer and a product."""
    return [
        {
            "model": manifest.name, "version": 1,
            "digests": msgspec.to_builtins(manifest.digests), "service": manifest.service,
            "views": [f"view_{view}" for view in range(8)], "decision": answer, "rule": "points",
            "reasons": [["view_1", 12.5], ["view_2", 8.25], ["view_3", 3.5], ["view_4", 1.0]],
            "actor": "the service", "actor_roles": ["underwriter"], "demo": False,
            "product": product, "channel": "app",
        }
        for answer in ("approve", "refer", "decline")
        for product in ("cash_loan", "instalments")
    ]  # fmt: skip


def write_outcomes(settings: Settings, pool: Pool, customer: Int64s) -> int:
    """A look at each after a month, and a last one at each that is old enough; how many."""
    rng = np.random.default_rng(SEED + 2)
    rows = len(customer)
    decided = times_of(np.arange(rows), rows)
    bad = rng.random(rows) < pool.probability[customer]
    early, old = decided < micros(END) - 40 * DAY_US, decided < micros(END) - WINDOW_US - DAY_US
    first = _outcomes(decided + 35 * DAY_US, np.where(bad, 12, 0), early)
    last = _outcomes(decided + WINDOW_US, np.where(bad, 65, 0), old)
    outcome_files.keep(settings.outcomes, first.then(last), lambda _: None)
    return len(first) + len(last)


def _outcomes(observed: Int64s, dpd: Int64s, which: Any) -> Outcomes:
    rows = np.flatnonzero(which)
    nothing = np.full(len(rows), UNKNOWN)
    return Outcomes(
        stand_ins(rows), observed[rows], nothing.astype(np.int8),
        dpd[rows].astype(np.int32), nothing.astype(np.int32),
    )  # fmt: skip


def times_of(number: Int64s, rows: int) -> Int64s:
    """When a decision was made: evenly over the year."""
    return micros(START) + number * ((micros(END) - micros(START)) // rows)


def stand_ins(number: Int64s) -> Int64s:
    """Numbers like those of a keyed hash: all over 64 bits, each once."""
    return ((number.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)).view(
        np.int64
    )


def _batch(rng: Any, pool: Pool, customer: Int64s, number: Int64s, rows: int) -> Batch:
    points = pool.points[customer]
    answer = np.where(points >= 560.0, 0, np.where(points >= 540.0, 1, 2))
    return Batch(
        time_us=times_of(number, rows),
        application=stand_ins(number),
        vector=pool.matrix[customer],
        contributions=pool.contributions[customer],
        raw=pool.raw[customer],
        probability=pool.probability[customer],
        points=points,
        ages_s=rng.exponential(3_600.0, (len(number), 8)),
        states=np.zeros((len(number), 8), np.uint8),
        answer=answer * 2 + rng.integers(0, 2, len(number)),
    )


def forget(folder: Path) -> None:
    """Put a folder's files on the disk and out of the page cache."""
    for path in folder.iterdir():
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def measured(settings: Settings) -> tuple[float, float, dict[str, Any]]:
    """Seconds and GB of one run as a process of its own, and what it said."""
    command = [
        Path(sys.executable).with_name("finmodel"),
        "monitor",
        NAME,
        "--by",
        "week",
        "--json",
    ]
    window = ["--from", START.isoformat(), "--to", END.isoformat()]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, *window], env=settings.child_env(), stdout=subprocess.PIPE, check=True
    )
    seconds = time.perf_counter() - began
    # The largest of all children so far: nothing else here starts one that is larger.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / GB
    return seconds, peak, json.loads(done.stdout)


def main() -> None:
    """Set up, measure once from cold and once more from warm, and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="always so")
    words.add_argument("--rows", type=int, default=ROWS)
    words.add_argument("--home", type=Path, help="keep the log here, and use it where it is there")
    told = words.parse_args()
    home = told.home or Path(tempfile.mkdtemp(prefix="finmodel-monitor-"))
    try:
        run(home, told.rows)
    finally:
        if told.home is None:
            shutil.rmtree(home, ignore_errors=True)


def run(home: Path, rows: int) -> None:
    """Make the log unless it is there, and print the figures."""
    settings = Settings(home=home, data=home, standing_clock=END.isoformat())
    began, seen = time.perf_counter(), -1
    if not settings.outcomes.exists():
        free = shutil.disk_usage(home).free
        if free < rows * 1_000:
            raise SystemExit(
                f"{home} has {free / GB:.0f} GB left, less than 1 KB a row: give --rows"
            )
        settings, manifest, pool = make_home(home)
        customer = write_log(settings, manifest, pool, rows)
        seen = write_outcomes(settings, pool, customer)
    note(f"set up in {time.perf_counter() - began:.0f} s")
    for folder in (settings.audit, settings.outcomes):
        forget(folder)
    cold, peak, panels = measured(settings)
    warm, _, _ = measured(settings)
    size = sum(path.stat().st_size for path in settings.audit.glob("*.side"))
    print_report(
        "monitor",
        {
            "panels_s": round(cold, 2),
            "peak_gb": round(peak, 3),
            "panels_warm_s": round(warm, 2),
            "decisions": panels["header"]["n"],
            "features": len(panels["variables"]),
            "outcomes": seen,
            "matured": panels["header"]["matured"],
            "panels": len(panels),
            "columns_gb": round(size / GB, 2),
        },
    )


if __name__ == "__main__":
    main()
