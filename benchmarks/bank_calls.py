"""A real bank's calls, quarter by quarter: `finmodel bench marketing --json`.

UCI's bank-full, shipped, in order of date: eleven quarters, May 2008 to November 2010, in which
subscriptions climb from 3 % of calls to half. Never read: `duration`, which is known when the
answer is, and `age` and `marital`, for audits. Each of the last nine quarters is foretold by a
model of those before it, with half-life, features and learner chosen on those before it alone
(`_walk_forward`), beside plain LightGBM trained once on the two first, trained anew each quarter,
and on a random part of all rows, which looks into the future.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lightgbm
import numpy as np
from _report import ROOT, note, print_report
from _walk_forward import HALF_LIVES, Calls, Flags, Setting, auc_of, chosen, scores_of
from sklearn.metrics import roc_auc_score

from finmodel.records import Float64s
from finmodel.settings import Settings
from marketing.frames import load_frame
from marketing.recipe import load_recipe

RECIPE = ROOT / "marketing" / "bank_marketing.yaml"
CALENDAR = ("day", "month")
FIRST_TESTED = 2
PLAIN = {"objective": "binary", "verbosity": -1, "deterministic": True, "num_threads": 2}
QUARTER_MONTHS = 3


def read_calls(recipe: Path = RECIPE) -> Calls:
    """The recipe's rows, with the day and the month beside its features."""
    told = load_recipe(recipe)
    frame = load_frame(told, Settings.from_env())
    assert frame.at_us is not None
    days = frame.at_us.astype("M8[us]").astype("M8[D]")
    months = days.astype("M8[M]").astype(np.int64)
    of_month = (days - days.astype("M8[M]")).astype(np.int64) + 1
    quarter = months // QUARTER_MONTHS
    return Calls(
        matrix=np.column_stack([frame.matrix, of_month, months % 12 + 1]).astype(np.float32),
        names=(*frame.names, *CALENDAR),
        categoricals=frame.categoricals,
        labels=frame.labels,
        quarter=quarter - quarter.min(),
    )


def plain(calls: Calls, train: Flags, test: Flags) -> Float64s:
    """LightGBM as it comes, on every column that may be read."""
    data = lightgbm.Dataset(
        calls.matrix[train],
        calls.labels[train],
        feature_name=list(calls.names),
        categorical_feature=list(calls.categoricals),
    )
    return np.asarray(lightgbm.train(PLAIN, data, 100).predict(calls.matrix[test]))


def baselines(calls: Calls, tested: range) -> dict[str, list[float]]:
    """AUC of each tested quarter: trained once, and trained anew for each."""
    first = calls.quarter < FIRST_TESTED
    once, again = [], []
    for quarter in tested:
        test = calls.quarter == quarter
        once.append(auc_of(calls, quarter, plain(calls, first, test)))
        again.append(auc_of(calls, quarter, plain(calls, calls.quarter < quarter, test)))
    return {"once": once, "retrained": again}


def random_split(calls: Calls) -> float:
    """What a split by chance would claim: AUC of three in ten rows, drawn from all quarters."""
    test = np.random.default_rng(1).random(len(calls.labels)) < 0.3
    return float(roc_auc_score(calls.labels[test], plain(calls, ~test, test)))


Aucs = dict[tuple[Setting, int], float]


def every_auc(calls: Calls, last: int) -> Aucs:
    """AUC of each setting in each quarter but the first, by models of the quarters before it."""
    auc: Aucs = {}
    for half_life in HALF_LIVES:
        for calendar in (False, True):
            for quarter in range(1, last + 1):
                note(f"half-life {half_life}, calendar {calendar}, quarter {name_of(quarter)}")
                for setting, scores in scores_of(calls, half_life, calendar, quarter).items():
                    auc[setting, quarter] = auc_of(calls, quarter, scores)
    return auc


def name_of(quarter: int) -> str:
    """As 2008q4: quarters are counted from the second of 2008."""
    year, place = divmod(quarter + 1, 4)
    return f"{2008 + year}q{place + 1}"


def measure() -> dict[str, float | str]:
    """The table, figure by figure."""
    calls = read_calls()
    last = int(calls.quarter.max())
    tested = range(FIRST_TESTED, last + 1)
    auc = every_auc(calls, last)
    picked = [chosen(auc, quarter) for quarter in tested]
    alike = [chosen(auc, quarter, forgets=1.0) for quarter in tested]
    note("plain LightGBM: once, each quarter anew, and on a random part")
    rows = {"walk_forward": [auc[one, q] for one, q in zip(picked, tested, strict=True)]}
    rows |= baselines(calls, tested)
    mean = {name: float(np.mean(found)) for name, found in rows.items()}
    figures: dict[str, float | str] = {f"{name}_auc": value for name, value in mean.items()}
    figures["walk_forward_over_once"] = mean["walk_forward"] - mean["once"]
    figures["walk_forward_auc_all_quarters_alike"] = float(
        np.mean([auc[one, q] for one, q in zip(alike, tested, strict=True)])
    )
    figures["random_split_auc"] = random_split(calls)
    for place, quarter in enumerate(tested):
        test = calls.quarter == quarter
        figures[f"rows_{name_of(quarter)}"] = float(test.sum())
        figures[f"response_{name_of(quarter)}"] = float(calls.labels[test].mean())
        for name, found in rows.items():
            figures[f"{name}_auc_{name_of(quarter)}"] = found[place]
        figures[f"setting_{name_of(quarter)}"] = str(picked[place])
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.parse_args()
    print_report("marketing", measure())


if __name__ == "__main__":
    main()
