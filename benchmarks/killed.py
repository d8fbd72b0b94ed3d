"""A tuning run killed ten times beside one that was left alone: `finmodel bench killed --json`.

`finmodel tune` learns a short course of the real 1.5B base (`--base tiny`: of the shipped one),
each time in a home of its own: once undisturbed, once killed outright (SIGKILL) at a random moment
of each life, `--kills` times. `equal_losses` is the share of steps whose losses are the same bits;
`restart_s` the median time from the command to the first step of a life that goes on; `lost_s` the
mean time that a killed life took beside the steps that were kept of it. What comes after the last
step (judging) is waited for in neither.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from _report import ROOT, note, print_report

from finmodel.settings import Settings
from serving.bases import base_folder

BASES = {"1.5b": ("lora_1b.yaml", "qwen2.5-coder-1.5b"), "tiny": ("lora_tiny.yaml", "tiny")}
CHANGES = {
    "simulated": 60, "further": False, "share": 1.0, "length": 256, "save_every": 1, "epochs": 1,
}  # fmt: skip
"""What makes the recipe's course a short one: some 40 steps, each kept."""
FINMODEL = [str(Path(sys.executable).with_name("finmodel"))]
POLL = 0.02


@dataclass(frozen=True, slots=True)
class Life:
    """From a command to its kill."""

    told: list[tuple[float, dict[str, Any]]]
    """When each step was told, in seconds from the command on, and the checkpoint then."""
    lasted: float


@dataclass(frozen=True, slots=True)
class Course:
    """A run that can be taken up again: its command, its home, and who asks for it."""

    words: list[str]
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of the command, with the key of an engineer who is added where there is none."""
        mine = os.environ | {"FINMODEL_HOME": str(self.home)}
        kept = self.home.parent / f"{self.home.name}.key"
        if not kept.is_file():
            add = [*FINMODEL, "people", "add", "bench", "--role", "engineer"]
            done = subprocess.run(add, env=mine, cwd=ROOT, stdout=subprocess.PIPE, check=True)
            kept.write_bytes(done.stdout)
        return mine | {"FINMODEL_KEY": kept.read_text().strip()}

    def told(self) -> dict[str, Any]:
        """What the newest checkpoint says: step, losses, seconds."""
        kept = sorted(self.home.glob("tuning/*/*/step-*/run.json"))
        if not kept:
            return {"step": 0, "losses": [], "seconds": 0.0}
        found: dict[str, Any] = msgspec.json.decode(kept[-1].read_bytes())
        return found

    def live(self, seconds: float | None, steps: int) -> Life:
        """Run until all steps are done or so many seconds are over, then kill it."""
        found: list[tuple[float, dict[str, Any]]] = []
        environment = self.environment
        done = self.told()["step"]
        begun = time.monotonic()
        life = subprocess.Popen(
            self.words, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=sys.stderr
        )
        while done < steps and (seconds is None or time.monotonic() - begun < seconds):
            if life.poll() is not None:
                raise SystemExit(f"finmodel tune ended by itself ({life.returncode})")
            time.sleep(POLL)
            try:
                told = self.told()
            except FileNotFoundError:  # the folder was removed between looking and reading
                continue
            if told["step"] > done:
                done = told["step"]
                found.append((time.monotonic() - begun, told))
        life.send_signal(signal.SIGKILL)
        life.wait()
        return Life(found, time.monotonic() - begun)


def steps_of(recipe: Path, base: Path) -> int:
    """How many steps the course has."""
    from fine_tune.bases.base import open_base
    from fine_tune.lessons.canaries import canaries
    from fine_tune.lessons.prepare import prepare
    from fine_tune.lessons.steps import plan_of
    from fine_tune.ready import samples_to_learn
    from fine_tune.recipe import load
    from finmodel.privacy.masks import masked
    from serving.tuning import conversations_of

    told = load(recipe)
    said = conversations_of(None, told.simulated, told.seed, told.further)
    prepared = prepare(list(said), masked, share=told.share)
    planted = canaries(told.canaries, told.seed)
    return len(plan_of(samples_to_learn(prepared, planted, told, open_base(base)), told))


def restarts(lives: list[Life]) -> list[float]:
    """Seconds from the command to the beginning of the first step, of each that went on."""
    found, last = [], 0.0
    for number, life in enumerate(lives):
        if life.told:
            when, told = life.told[0]
            if number:
                found.append(when - (told["seconds"] - last))
            last = life.told[-1][1]["seconds"]
    return found


def lost(killed: list[Life], kept: float) -> float:
    """Mean seconds of a killed life beside the steps that were kept of it, `kept` seconds in all.

    >>> lost([Life([], 5.0), Life([(9.0, {"seconds": 4.0})], 10.0)], 4.0)
    5.5
    """
    return (sum(life.lasted for life in killed) - kept) / len(killed)


def measure(base: str, kills: int, seed: int, aside: Path) -> dict[str, Any]:
    """Both runs, and how alike they are."""
    file, name = BASES[base]
    recipe = aside / file
    told = msgspec.yaml.decode((ROOT / "fine_tune" / file).read_bytes())
    recipe.write_bytes(msgspec.yaml.encode(told | CHANGES))
    folder = base_folder(name, ROOT / "fine_tune" / file, Settings.from_env().bases)
    words = [*FINMODEL, "tune", str(recipe), "--base", str(folder)]
    steps = steps_of(recipe, folder)
    note(f"{steps} steps, undisturbed")
    calm, troubled = (Course(words, aside / home) for home in ("calm", "troubled"))
    whole = calm.live(None, steps).told
    pace = statistics.median(b[0] - a[0] for a, b in pairwise(whole))
    start = whole[0][0] - whole[0][1]["seconds"]
    chance = random.Random(seed)
    lives = []
    for number in range(kills):
        # Mostly while it learns, so that a life is worth about its share of the steps; some before.
        seconds = chance.uniform(0.5 * start, start + 2 * steps * pace / kills)
        lives.append(troubled.live(seconds, steps))
        done = troubled.told()["step"]
        note(f"kill {number + 1} after {seconds:.1f} s, at step {done} of {steps}")
        if done == steps:
            break
    each = lost(lives, troubled.told()["seconds"])
    lives.append(troubled.live(None, steps))
    mine, theirs = troubled.told()["losses"], calm.told()["losses"]
    waited = restarts(lives)
    return {
        "steps": steps,
        "kills": len(lives) - 1,
        "equal_losses": sum(a == b for a, b in zip(mine, theirs, strict=True)) / steps,
        "restart_s": statistics.median(waited),
        "restart_worst_s": max(waited),
        "lost_s": each,
        "first_start_s": start,
        "step_s": pace,
        "lives_with_steps": len(waited),
    }


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--base", choices=tuple(BASES), default="1.5b")
    words.add_argument("--kills", type=int, default=10)
    words.add_argument("--seed", type=int, default=1)
    told = words.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        print_report("killed", measure(told.base, told.kills, told.seed, Path(aside)))


if __name__ == "__main__":
    main()
