"""Tuning beside transformers.Trainer with peft: `finmodel bench lora --json`.

The same replies of the same conversations are learnt once by the same adapter, optimiser, schedule
and dtype; each way in a process of its own, one after the other: ours, then the Trainer at 1 and at
4 samples a step, its rows grouped by length. `over_trainer` is against the faster of its two;
`trainer_heldout_loss` is that one's.

`--base 1.5b` takes the real base that `finmodel base get qwen2.5-coder-1.5b` brought, with its
layers checkpointed on both sides, in the dtype that this machine multiplies fastest, and learns few
conversations (a quarter of an hour).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _report import ROOT, note, print_report

from finmodel.settings import Settings
from serving.bases import base_folder

LEG = Path(__file__).with_name("_tuning_leg.py")
BATCHES = (1, 4)
CONVERSATIONS = 240


@dataclass(frozen=True, slots=True)
class Course:
    """What is tuned, and on how much."""

    recipe: Path
    base: str
    lessons: int
    held_out: int
    recompute: bool
    """Layers are checkpointed, on both sides."""
    dtype: str
    """Of the base on both sides; of the real one what this machine multiplies fastest."""


def course_of(base: str) -> Course:
    """What a bench of this base learns."""
    if base == "tiny":
        return Course(ROOT / "fine_tune/lora_tiny.yaml", "tiny", 10_000, 24, False, "float32")
    from fine_tune.network.machine import fastest_dtype

    dtype = str(fastest_dtype()).removeprefix("torch.")
    return Course(ROOT / "fine_tune/lora_1b.yaml", "qwen2.5-coder-1.5b", 6, 10, True, dtype)


def leg(course: Course, folder: Path, *words: str) -> dict[str, Any]:
    """What one way took, in a process of its own."""
    told = [sys.executable, str(LEG), words[0], str(course.recipe), str(folder), *words[1:]]
    told += ["--conversations", str(CONVERSATIONS), "--lessons", str(course.lessons)]
    told += ["--held-out", str(course.held_out), "--dtype", course.dtype]
    told += ["--recompute"] if course.recompute else []
    done = subprocess.run(told, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    found["rate"] = found["supervised_tokens"] / found["seconds"]
    note(f"{' '.join(words)}: {found['rate']:.1f} supervised tokens a second")
    return found


def measure(course: Course) -> dict[str, Any]:
    """Supervised tokens a second, held-out loss, memory and padding of each way."""
    folder = base_folder(course.base, course.recipe, Settings.from_env().bases)
    note("ours")
    mine = leg(course, folder, "ours")
    theirs = {}
    for batch in BATCHES:
        note(f"transformers.Trainer and peft, {batch} a step")
        theirs[batch] = leg(course, folder, "trainer", "--batch", str(batch))
    best = max(BATCHES, key=lambda batch: theirs[batch]["rate"])
    figures = {
        "supervised_tokens_per_s": mine["rate"],
        "over_trainer": mine["rate"] / theirs[best]["rate"],
        "heldout_loss": mine["heldout_loss"],
        "trainer_heldout_loss": theirs[best]["heldout_loss"],
        "tokens_per_s": mine["read_tokens"] / mine["seconds"],
        "read_tokens": mine["read_tokens"],
        "trainer_read_tokens": theirs[best]["read_tokens"],
        "supervised_tokens": mine["supervised_tokens"],
        "trainer_supervised_tokens": theirs[best]["supervised_tokens"],
        "padding_share": mine["padding_share"],
        "peak_mib": mine["peak_mib"],
        "steps": mine["steps"],
        "trainer_best_batch": best,
        "dtype": course.dtype,
    }
    for batch, found in theirs.items():
        figures[f"trainer_{batch}_supervised_tokens_per_s"] = found["rate"]
        figures[f"trainer_{batch}_heldout_loss"] = found["heldout_loss"]
        figures[f"trainer_{batch}_padding_share"] = found["padding_share"]
        figures[f"trainer_{batch}_peak_mib"] = found["peak_mib"]
        figures[f"trainer_{batch}_steps"] = found["steps"]
    return figures


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--base", choices=("tiny", "1.5b"), default="tiny")
    told = words.parse_args()
    name = "lora" if told.base == "tiny" else f"lora_{told.base}"
    print_report(name, measure(course_of(told.base)))


if __name__ == "__main__":
    main()
