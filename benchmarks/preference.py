"""Learning agents' preferences beside TRL's DPOTrainer: `finmodel bench preference --json`.

The tiny base learns the same pairs of simulated verdicts once, with the same fresh adapter, loss,
optimiser and dtype, each way warm and in a process of its own, one after the other: ours, TRL as it
comes (eight pairs a step, layers checkpointed, the reference computed at each step), and TRL with
no layer computed again. `over_trl` is against TRL as it comes, `over_trl_whole` against the other;
the held-out losses say whether all three learnt alike.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from _report import ROOT, note, print_report

LEG = Path(__file__).with_name("_preference_leg.py")
RECIPE = ROOT / "fine_tune/preference_tiny.yaml"
CONVERSATIONS = 90
KEPT = ("pairs_per_s", "heldout_loss", "last_loss", "padding_share", "read_tokens", "peak_mib",
        "steps")  # fmt: skip


def leg(who: str, conversations: int) -> dict[str, Any]:
    """What one way took."""
    told = [sys.executable, str(LEG), who, str(RECIPE), "--conversations", str(conversations)]
    done = subprocess.run(told, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    found["pairs_per_s"] = found["pairs"] / found["seconds"]
    note(f"{who}: {found['pairs_per_s']:.2f} pairs a second, held-out {found['heldout_loss']:.4f}")
    return found


def measure(conversations: int) -> dict[str, Any]:
    """Pairs a second, losses, padding and memory of each way."""
    note(f"verdicts of {conversations} conversations: ours")
    mine = leg("ours", conversations)
    note("TRL as it comes")
    theirs = leg("trl", conversations)
    note("TRL, no layer computed again")
    whole = leg("trl_whole", conversations)
    figures = {name: mine[name] for name in KEPT} | {"pairs": mine["pairs"]}
    for who, found in (("trl", theirs), ("trl_whole", whole)):
        if found["pairs"] != mine["pairs"]:
            raise SystemExit(f"{who} learnt {found['pairs']} pairs, ours {mine['pairs']}")
        figures |= {f"{who}_{name}": found[name] for name in KEPT}
        figures[f"over_{who}"] = mine["pairs_per_s"] / found["pairs_per_s"]
    return figures


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--conversations", type=int, default=CONVERSATIONS)
    print_report("preference", measure(words.parse_args().conversations))


if __name__ == "__main__":
    main()
