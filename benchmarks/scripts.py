"""A real 1.5B base before and after it learnt the service scripts: `finmodel bench scripts --json`.

Without words it tunes `fine_tune/lora_1b.yaml` first, in your home and under your key, for an hour
or two; `--adapter service_scripts_1b/3` takes a run that is over. All figures are those that the
run was judged by, on conversations that it never saw: perplexity of the agents' replies, and edits
from 24 greedy replies to the nearest approved script that answers the same. The first five stand
beside them, none picked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from _report import ROOT, note, print_report

from finmodel import tracking
from finmodel.settings import Settings
from serving.evaluation_targets import targets_of

RECIPE = ROOT / "fine_tune" / "lora_1b.yaml"
ADAPTER = "service_scripts_1b"
FIVE = 5
LIKE_MLFLOW = (
    "base_perplexity", "tuned_perplexity", "base_perplexity_unseen", "tuned_perplexity_unseen",
    "base_edit_distance", "tuned_edit_distance", "base_edit_distance_nearest",
    "tuned_edit_distance_nearest", "base_general_loss", "tuned_general_loss", "tuned_grounded",
    "base_grounded", "tuned_violations", "base_violations", "tuned_intent", "base_intent",
    "canaries_recovered", "canary_exposure", "train_tokens", "train_seconds", "steps",
    "padding_share", "effective_share", "core_hours",
)  # fmt: skip
"""Figures of a run, under the names that it logged them by."""


def tune() -> None:
    """The run itself, seen on the screen."""
    note(f"finmodel tune {RECIPE}")
    finmodel = Path(sys.executable).with_name("finmodel")
    subprocess.run([str(finmodel), "tune", str(RECIPE), "--json"], stdout=sys.stderr, check=True)


def measure(here: Settings, adapter: str, run: str) -> dict[str, Any]:
    """What its run was judged by."""
    told = tracking.figures(here, run)
    found: dict[str, Any] = {name: told[name] for name in LIKE_MLFLOW}
    before, after = found["base_edit_distance_nearest"], found["tuned_edit_distance_nearest"]
    return found | {
        "perplexity_fall": 1.0 - found["tuned_perplexity"] / found["base_perplexity"],
        "perplexity_fall_unseen": 1.0
        - found["tuned_perplexity_unseen"] / found["base_perplexity_unseen"],
        "edit_distance_share": after / before,
        "general_rise": found["tuned_general_loss"] / found["base_general_loss"] - 1.0,
        "read_tokens_per_s": found["train_tokens"] / found["train_seconds"],
        "tune_s": tracking.seconds(here, run),
        "adapter": adapter,
    }


def first_five(here: Settings, run: str) -> list[dict[str, str]]:
    """The first held-out replies: what was asked and approved, and what each wrote."""
    from fine_tune.tune import REPLIES

    told = json.loads(tracking.kept(here, run, REPLIES))
    return [
        {key: base[key] for key in ("customer", "approved")}
        | {"before": base["written"], "after": tuned["written"]}
        for base, tuned in zip(told["base"][:FIVE], told["tuned"][:FIVE], strict=True)
    ]


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--adapter", default="", help="a version that finmodel tune made")
    told = words.parse_args()
    here = Settings.from_env()
    if not told.adapter:
        tune()
    adapter = told.adapter or ADAPTER
    run = targets_of(here, [adapter], "")[0].run
    print_report("scripts", measure(here, adapter, run), replies=first_five(here, run))


if __name__ == "__main__":
    main()
