"""The figures of the online road, each beside its peer, in one run: `finmodel bench online --json`.

128 features in 8 views, 200,000 customers (the stock peers hold 20,000, in their favour), ids drawn
at random, a model of 200 trees × 31 leaves. Needs redis-server, which `make test` brings.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from _decision_world import World, free_port, make_world
from _http_figures import decide_figures, score_figures, stock_figures
from _report import note, print_report
from _store_world import AS_OF, FEATURES, SERVICE, bench_plan, draws
from read_features import our_reads, stock_reads
from scorer import LEAVES, SEED, TREES, measure_batch, measure_row, seeded_model

from feature_store.online import OnlineFeatures
from finmodel.scorer import Scorer

BATCH = 1_000
CORES = 2


def named_model() -> str:
    """The bench's model, with the features' names of the bench's service."""
    text = seeded_model(TREES, LEAVES, FEATURES, SEED)
    names = " ".join(bench_plan().names)
    return re.sub(r"^feature_names=.*$", f"feature_names={names}", text, count=1, flags=re.M)


def read_and_score(world: World, model: str, customers: int, seconds: float = 5.0) -> float:
    """Features a second of one process on each core, each reading and scoring batches of 1,000."""
    spawn = multiprocessing.get_context("spawn")
    start, rows = spawn.Barrier(CORES), spawn.Queue()
    workers = [
        spawn.Process(
            target=_read_and_score,
            args=(world.settings.online, model, (customers, seed), (start, rows, seconds)),
        )
        for seed in range(CORES)
    ]
    for worker in workers:
        worker.start()
    rates = [rows.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    return float(sum(rates))


def _read_and_score(
    online: Path,
    model: str,
    population: tuple[int, int],
    work: tuple[Barrier, multiprocessing.Queue[float], float],
) -> None:
    features, scorer, plan = OnlineFeatures(online), Scorer.from_text(model), bench_plan()
    customers, seed = population
    start, rows, seconds = work
    ids = draws(customers, BATCH, seed)
    batches = [next(ids) for _ in range(500)]
    scorer.score_many(features.fetch(batches[0], plan, AS_OF).matrix)
    start.wait()
    done, begin = 0, time.perf_counter()
    while (spent := time.perf_counter() - begin) < seconds:
        batch = batches[done % len(batches)]
        scorer.score_many(features.fetch(batch, plan, AS_OF).matrix)
        done += 1
    rows.put(done * BATCH * FEATURES / spent)


def measure(folder: Path, customers: int, stock_customers: int) -> dict[str, float]:
    """Everything, in the order in which one needs the other."""
    note("training the seeded model and filling the online map")
    model = named_model()
    world = make_world(folder / "home", customers, model)
    note("reading features")
    figures = our_reads(world.settings.online, world.plan, customers)
    note("scoring")
    figures |= measure_batch(model) | measure_row(model)
    figures["read_and_score_features_per_s"] = read_and_score(world, model, customers)
    figures |= score_figures(world, customers)
    figures |= decide_figures(world, customers)
    figures |= stock_reads(folder, stock_customers, free_port())
    (folder / "model.txt").write_text(model)
    figures |= stock_figures(folder / "sqlite", SERVICE, folder / "model.txt", stock_customers)
    ours, stock = figures["read_features_per_s"], figures["stock_feast_sqlite_features_per_s"]
    figures["read_over_stock_feast_sqlite"] = ours / stock
    figures["score_http_over_stock"] = (
        figures["score_http_features_per_s"] / figures["stock_http_features_per_s"]
    )
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--stock-customers", type=int, default=20_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print_report("online", measure(Path(folder), asked.customers, asked.stock_customers))


if __name__ == "__main__":
    main()
