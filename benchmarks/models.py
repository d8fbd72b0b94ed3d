"""Six scores of a customer from one read of the features: `finmodel bench models --json`.

The risk card and the five marketing models, each 200 trees × 31 leaves, over the shipped vector of
135 windowed features in the store, customers drawn at random, 1,000 a call, a process on each of
two cores. Counted are scores: points of the card, calibrated probabilities of the five. The peer
reads the same and scores with `Booster.predict`; its probabilities must be the same.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeAlias

import lightgbm
import numpy as np
from _report import note, print_report
from _six_models import FIVE, LINE, RISK, Six, make_six

from feature_store.online import OnlineFeatures
from finmodel.export import load_export
from finmodel.pointers import export_folder
from finmodel.records import Float32s, Float64s
from finmodel.settings import Settings
from marketing.models import open_model
from risk.scaling import calibrated, points_many, probability

BATCH, SECONDS, TURNS, CORES, ONE = 1_000, 3.0, 3, 2, 2_000
A_DAY = 100e6
"""Scores a day that a large lender names: 1,157 a second."""
Score = Callable[[Float32s], list[Float64s]]
Told: TypeAlias = "multiprocessing.Queue[tuple[float, float]]"


def our_scores(six: Six) -> Score:
    """Points and five probabilities of rows of the vector, as serving computes them."""
    settings = six.settings
    card = load_export(export_folder(settings.exports, RISK, 1), settings.signing)
    models = [open_model(settings.exports, name, settings.signing) for name in FIVE]
    columns = np.array([six.plan.names.index(name) for name in six.risk_plan.names])

    def score(matrix: Float32s) -> list[Float64s]:
        raw = card.scorer.raw_many(np.ascontiguousarray(matrix[:, columns]))
        points = points_many(calibrated(raw, card.manifest.calibration), card.manifest.scaling)
        return [points, *(model.propensity(matrix) for model in models)]

    return score


def their_scores(six: Six) -> Score:
    """The same by LightGBM itself, a thread."""
    texts = {
        name: (export_folder(six.settings.exports, name, 1) / "model.txt").read_text()
        for name in (RISK, *FIVE)
    }
    boosters = {name: lightgbm.Booster(model_str=text) for name, text in texts.items()}
    columns = np.array([six.plan.names.index(name) for name in six.risk_plan.names])

    def raw(name: str, matrix: Float32s) -> Float64s:
        return np.asarray(boosters[name].predict(matrix, raw_score=True, num_threads=1))

    def score(matrix: Float32s) -> list[Float64s]:
        card = load_export(export_folder(six.settings.exports, RISK, 1), six.settings.signing)
        points = points_many(calibrated(raw(RISK, matrix[:, columns]), LINE), card.manifest.scaling)
        return [points, *(probability(calibrated(raw(name, matrix), LINE)) for name in FIVE)]

    return score


def rate(six: Six, ours: bool) -> tuple[float, float]:
    """Scores a second of one process on each core, reading included; and of processor time.

    The second is what a core gives where neighbours do not take it away.
    """
    spawn = multiprocessing.get_context("spawn")
    start, told = spawn.Barrier(CORES), spawn.Queue()
    workers = [
        spawn.Process(target=_work, args=(six, ours, seed, start, told)) for seed in range(CORES)
    ]
    for worker in workers:
        worker.start()
    rates = [told.get(timeout=240) for _ in workers]
    for worker in workers:
        worker.join()
    return sum(wall for wall, _ in rates), float(np.mean([own for _, own in rates]))


def _work(
    six: Six,
    ours: bool,
    seed: int,
    start: Barrier,
    told: multiprocessing.Queue[tuple[float, float]],
) -> None:
    score = our_scores(six) if ours else their_scores(six)
    online, random = OnlineFeatures(six.settings.online), np.random.default_rng(seed)
    draws = [random.integers(1, six.customers + 1, BATCH) for _ in range(200)]
    score(online.fetch(draws[0], six.plan, six.as_of).matrix)
    start.wait()
    done, scores, begin, own = 0, 0, time.perf_counter(), time.process_time()
    while (spent := time.perf_counter() - begin) < SECONDS:
        batch = online.fetch(draws[done % len(draws)], six.plan, six.as_of)
        scores += sum(map(len, score(batch.matrix)))
        done += 1
    told.put((scores / spent, scores / (time.process_time() - own)))


def one_customer_ms(six: Six) -> float:
    """Of one customer, read and scored by all six: the median, in milliseconds."""
    score, online = our_scores(six), OnlineFeatures(six.settings.online)
    random, took = np.random.default_rng(9), []
    for customer in random.integers(1, six.customers + 1, ONE).tolist():
        begin = time.perf_counter()
        score(online.fetch([customer], six.plan, six.as_of).matrix)
        took.append(time.perf_counter() - begin)
    return 1_000.0 * float(np.median(took))


def require_same(six: Six) -> None:
    """Both score the same: else no figure is worth printing."""
    online = OnlineFeatures(six.settings.online)
    matrix = online.fetch(np.arange(1, BATCH + 1), six.plan, six.as_of).matrix
    pairs = zip(our_scores(six)(matrix), their_scores(six)(matrix), strict=True)
    furthest = max(float(np.abs(a - b).max()) for a, b in pairs)
    if not furthest <= 1e-9:
        raise SystemExit(f"scores differ from LightGBM's by {furthest}")


def measure(folder: Path, customers: int, days: int) -> dict[str, float]:
    """Everything, in the order in which one needs the other."""
    settings = Settings(home=folder / "home", data=folder)
    settings.make_home()
    six, figures = make_six(settings, customers, days)
    require_same(six)
    turns: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for turn in range(TURNS):
        note(f"six scores of each customer, then by LightGBM's own predict: {turn + 1} of {TURNS}")
        for mine, found in turns.items():
            found.append(rate(six, mine))
    # The best of some turns: what a neighbour on the machine takes away is not ours to count.
    (ours, own), (theirs, their_own) = (
        tuple(map(max, zip(*f, strict=True))) for f in turns.values()
    )
    return figures | {
        "model_scores_per_s": ours,
        "times_100m_a_day": ours / (A_DAY / 86_400),
        "model_scores_per_s_of_a_core": own,
        "lightgbm_model_scores_per_s": theirs,
        "lightgbm_model_scores_per_s_of_a_core": their_own,
        "model_scores_over_lightgbm": own / their_own,
        "customers_scored_per_s": ours / (1 + len(FIVE)),
        "one_customer_p50_ms": one_customer_ms(six),
        "vector_features": float(len(six.plan.names)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=120)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print_report("models", measure(Path(folder), asked.customers, asked.days))


if __name__ == "__main__":
    main()
