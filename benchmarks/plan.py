"""The plan's peak beside the peak of real runs: `finmodel bench plan --json`.

Eight runs of our own training, each in a process of its own: two steps and a checkpoint of a base
of random weights, of several sizes and lengths, whole and in four bits, with layers computed again
and without, one with general text that is rehearsed. Measured is what was resident at most, above
what was before the model was loaded; planned is what `finmodel tune --plan` says of the same row.
`plan_over_measured_*` must lie in 1.00 to 1.10. `plan_s` is how long one plan takes: of the recipe
for 14B on one H100.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from _plan_leg import Case
from _report import ROOT, note, print_report

from fine_tune.bases.shape import KNOWN
from fine_tune.planning.four_bits import ENDS
from fine_tune.planning.plan import device_of, memory_of, need_of, plan_run
from fine_tune.recipe import load

LEG = Path(__file__).with_name("_plan_leg.py")


def shape(kind: str, layers: int, hidden: int, inner: int, heads: int) -> dict[str, object]:
    """A small decoder's configuration."""
    return {
        "model_type": kind,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_attention_heads": heads,
        "num_key_value_heads": max(heads // 4, 1),
        "head_dim": hidden // heads,
        "vocab_size": 16_000,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": kind == "qwen2",
    }


CASES = (
    Case("qwen3_768_tokens", shape("qwen3", 6, 1024, 3072, 16), (768,), (False,), 0, 64),
    Case("qwen3_768_tokens_again", shape("qwen3", 6, 1024, 3072, 16), (768,), (False,), 6, 64),
    Case("qwen2_branches", shape("qwen2", 5, 1280, 3584, 10), (256, 128), (True, False), 2, 16),
    Case("llama_long", shape("llama", 4, 768, 2048, 12), (512, 512), (True, True), 1, 32),
    Case("nf4", shape("qwen3", 4, 2048, 5632, 16), (320,), (True,), 0, 32, True),
    Case("nf4_again", shape("qwen3", 4, 2048, 5632, 16), (320,), (True,), 4, 32, True),
    Case("rehearsed", shape("qwen3", 5, 1024, 3072, 16), (512,), (True,), 2, 32, rehearsal=512),
    Case("nf4_kept", shape("qwen3", 4, 2048, 5632, 16), (320,), (True,), 2, 32, kept=True),
)
KEPT = {"quantization_config": {"load_in_4bit": True}, ENDS: "bfloat16"}
"""What a base's directory says that is kept in four bits."""


def measured(case: Case) -> int:
    """Bytes of a run in a process of its own."""
    told = msgspec.json.encode(case).decode()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(LEG), told, folder, "make"], check=True)
        done = subprocess.run(
            [sys.executable, str(LEG), told, folder], check=True, capture_output=True, text=True
        )
    return int(json.loads(done.stdout)["bytes"])


def planned(case: Case) -> int:
    """Bytes by the plan."""
    device = device_of("cpu")
    config = case.config | (KEPT if case.kept else {})
    need = need_of(config, case.recipe, device, case.row)
    return memory_of(need, device, case.checkpointed_layers).peak


def on_a_card() -> dict[str, float]:
    """What the plan expects of the recipe for 14B on one H100; only its own time is measured."""
    device = device_of("h100-80g")
    recipe = load(ROOT / "fine_tune" / "lora_14b.yaml")
    begun = time.perf_counter()
    found = plan_run(
        KNOWN["qwen3-14b"], recipe, device, "qwen3-14b",
        tokens=10_000_000, utilisation=device.utilisation,
    )  # fmt: skip
    return {
        "plan_s": time.perf_counter() - begun,
        "h100_14b_tokens_per_s": found.tokens_per_s,
        "h100_14b_utilisation": found.utilisation,
        "h100_14b_peak_gib": found.peak_gib,
        "h100_14b_checkpointed_layers": found.checkpointed_layers,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.add_argument("--case", help="one case alone")
    asked = parser.parse_args()
    cases = [one for one in CASES if asked.case in (None, one.name)]
    figures: dict[str, float] = {}
    for case in cases:
        note(case.name)
        real, plan = measured(case), planned(case)
        figures[f"{case.name}_measured_mib"] = real / 2**20
        figures[f"{case.name}_plan_over_measured"] = plan / real
    over = [value for name, value in figures.items() if name.endswith("_over_measured")]
    bounds = {"plan_over_measured_least": min(over), "plan_over_measured_most": max(over)}
    print_report("plan", bounds | {"runs": len(cases)} | figures | on_a_card())


if __name__ == "__main__":
    main()
