"""The demo lender's card and its road: `finmodel bench behaviour_risk --json`.

From an empty home to the first decision over HTTP, and again from a home that is set up; then the
card by 2 × 5 folds as `finmodel train --cv` judges it: the scorecard, the monotone trees of depth 4
that are served, and trees without either bound. Beside them plain LightGBM on the table's own
columns with the same parameters, rows and folds (with the audit-only columns: for reference only).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import yaml
from _decision_world import free_port
from _report import note, print_report

from finmodel.lender import credit_default
from finmodel.metrics import auc, ks
from finmodel.records import Float64s
from risk.frames.split import folds
from risk.recipe import Recipe, load_recipe

FINMODEL = Path(sys.executable).with_name("finmodel")
RECIPE = Path(__file__).resolve().parent.parent / "risk" / "behaviour_risk.yaml"
AUDIT_ONLY = ["SEX", "EDUCATION", "MARRIAGE", "AGE"]


def first_decision(home: Path) -> float:
    """Seconds from `finmodel demo` until the pasted request is answered; then it is stopped."""
    port, begin = free_port(), time.perf_counter()
    environment = os.environ | {"FINMODEL_HOME": str(home), "FINMODEL_PORT": str(port)}
    child = subprocess.Popen([FINMODEL, "demo"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        _decide(_pasted(child))
        return time.perf_counter() - begin
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def card(home: Path) -> dict[str, float]:
    """Figures of the recipe's scorecard and of its trees, mean over the folds."""
    answer = _judged(home, RECIPE)
    both = answer["comparison"]
    figures = {f"card_{name}": answer[name] for name in ("auc", "auc_sd", "ks", "ks_sd", "brier")}
    figures |= {f"scorecard_{name}": both[name]["scorecard"] for name in ("auc", "ks", "brier")}
    return figures | {"card_features": answer["features"]}


def unbounded(home: Path) -> dict[str, float]:
    """The same trees without a greatest depth and without directions."""
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    recipe["params"]["max_depth"] = -1
    for key in ("monotone", "scorecard"):
        recipe.pop(key)
    file = home / "unbounded.yaml"
    file.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    answer = _judged(home, file)
    return {f"unbounded_{name}": answer[name] for name in ("auc", "ks", "brier")}


def _judged(home: Path, recipe: Path) -> dict[str, Any]:
    command = [FINMODEL, "train", str(recipe), "--cv", "--json"]
    environment = os.environ | {"FINMODEL_HOME": str(home)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def plain(columns: pd.DataFrame, labels: Float64s, recipe: Recipe) -> tuple[float, float]:
    """AUC and KS of LightGBM on a table's columns as they are, mean over the same folds."""
    found = []
    params = {"objective": "binary", "verbose": -1} | {
        name: getattr(recipe.params, name)
        for name in ("learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "lambda_l2")
    }
    for repeat in range(recipe.split.repeats):
        for train, test in folds(labels, recipe.split.folds, recipe.split.seed + repeat):
            data = lightgbm.Dataset(columns.iloc[train], labels[train])
            booster = lightgbm.train(params, data, recipe.params.rounds)
            scores = np.asarray(booster.predict(columns.iloc[test]))
            found.append((auc(labels[test], scores), ks(labels[test], scores)))
    means = np.mean(found, axis=0)
    return float(means[0]), float(means[1])


def measure(home: Path) -> dict[str, float]:
    """Everything, in one home."""
    note("from an empty home to the first decision")
    figures = {"first_decision_s": first_decision(home)}
    note("again, from a home that is set up")
    figures["second_start_s"] = first_decision(home)
    note("the card by folds")
    figures |= card(home)
    note("trees without bounds, by the same folds")
    figures |= unbounded(home)
    note("plain LightGBM on the table's columns")
    table = credit_default.load()
    labels = table["DEFAULT"].to_numpy(dtype=np.float64)
    columns = table.drop(columns=["ID", "DEFAULT"])
    recipe = load_recipe(RECIPE)
    allowed = plain(columns.drop(columns=AUDIT_ONLY), labels, recipe)
    figures |= dict(zip(("plain_lightgbm_auc", "plain_lightgbm_ks"), allowed, strict=True))
    whole = plain(columns, labels, recipe)
    names = ("reference_with_audit_only_auc", "reference_with_audit_only_ks")
    return figures | dict(zip(names, whole, strict=True))


def _pasted(child: subprocess.Popen[str]) -> list[str]:
    """The words of the `curl` that the demo prints."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("curl "):
            return shlex.split(line)
    raise SystemExit(f"the demo ended with {child.wait()} before it could be asked")


def _decide(curl: list[str]) -> None:
    address = next(word for word in curl if word.startswith("http"))
    headers = dict(curl[i + 1].split(": ", 1) for i, word in enumerate(curl) if word == "-H")
    body = curl[curl.index("-d") + 1].encode()
    request = urllib.request.Request(address, body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        json.load(answer)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print_report("behaviour_risk", measure(Path(folder) / "home"))


if __name__ == "__main__":
    main()
