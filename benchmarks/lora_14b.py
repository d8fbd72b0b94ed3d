"""A 14B-shaped base of random weights on one GPU: `finmodel bench lora_14b --json`.

LoRA r 64 on all linear layers, bfloat16, samples packed into 4,096 tokens, as few layers computed
again as memory allows, layers compiled. `utilisation_4n` counts each weight once forward and once
back, nothing computed again; `hardware_utilisation` counts all that was multiplied. Both are
parts of what the card's maker prints.

`--shape tiny` tries the same script in a minute where there is no GPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import torch
from _report import note, print_report
from transformers import AutoConfig, AutoModelForCausalLM

from fine_tune.bases.shape import KNOWN, Shape, flops_a_token
from fine_tune.bases.shipped import shipped
from fine_tune.lessons.samples import Sample
from fine_tune.lessons.steps import plan_of
from fine_tune.network.attention import register
from fine_tune.network.layers import compile_layers
from fine_tune.network.machine import Peak, best_device, product_rate
from fine_tune.network.model import with_adapter
from fine_tune.planning.devices import CARDS
from fine_tune.planning.fit import fit_layers
from fine_tune.recipe import Adapter, Recipe
from fine_tune.training.train import Step, train

WARM = 4
"""Steps before it counts: kernels are compiled."""
LEARNT = 0.4
"""The part of a conversation that is replies."""


def config_of(name: str) -> Mapping[str, Any]:
    """A known shape's configuration, or the tiny base's."""
    if name != "tiny":
        return KNOWN[name]
    found: dict[str, Any] = msgspec.json.decode((shipped() / "config.json").read_bytes())
    return found


def conversations(count: int, length: int, vocabulary: int) -> list[Sample]:
    """Samples as long as service conversations are, of random tokens."""
    rng = np.random.default_rng(14)
    found = []
    for size in np.clip(rng.lognormal(6.2, 0.5, count), 64, length).astype(int):
        learnt = np.zeros(size, np.float32)
        learnt[size - int(LEARNT * size) :] = 1.0
        found.append(
            Sample(
                token=rng.integers(3, vocabulary, size, dtype=np.int32),
                position=np.arange(size, dtype=np.int32),
                branch=np.zeros(size, np.int32),
                forks=np.array([size], np.int32),
                learnt=learnt,
            )
        )
    return found


def peak_rate(device: torch.device, dtype: torch.dtype) -> tuple[str, float]:
    """The device's name, and its operations a second: printed by its maker, or else measured."""
    if device.type != "cuda":
        return "cpu", product_rate(dtype, device)
    name = torch.cuda.get_device_name(device)
    for card in CARDS.values():
        if card.name.split("-")[0] in name.lower().replace(" ", ""):
            return name, card.rate
    return name, product_rate(dtype, device)


def measure(shape: str, length: int, steps: int) -> dict[str, Any]:
    """Tokens a second, utilisation and memory over the steps after the first few."""
    device = best_device()
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    config = dict(config_of(shape))
    recipe = Recipe(name="lora_14b", base=shape, length=length, save_every=10**9)
    recipe = msgspec.structs.replace(recipe, adapter=Adapter(rank=64))
    samples = conversations(steps * length // 300, length, config["vocab_size"])
    plan = plan_of(samples, recipe)
    plan = type(plan)(plan.samples, plan.steps[: WARM + steps], plan.padding)
    note(f"random weights of {shape}")
    told = AutoConfig.for_model(config.pop("model_type"), **config)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(told, dtype=dtype, attn_implementation=register())
        model = with_adapter(model, recipe.adapter, 1)
    taken: list[Step] = []
    with tempfile.TemporaryDirectory() as aside, Peak(device) as peak:
        fit = fit_layers(model, plan, recipe, Path(aside))
        if device.type == "cuda":
            compile_layers(model)
        note(f"{len(plan)} steps, {fit.checkpointed_layers} of {fit.layers} layers computed again")
        train(model, plan, recipe, Path(aside), "bench", taken.append)
    counted = taken[WARM:]
    rate = sum(step.tokens for step in counted) / sum(step.seconds for step in counted)
    rows = [[len(plan.samples[k]) for k in row] for step in plan.steps[WARM:] for row in step]
    flops = flops_a_token(
        Shape.of(config), recipe.adapter, [size for row in rows for size in row],
        sum(step.learnt for step in counted),
    )  # fmt: skip
    name, most = peak_rate(device, dtype)
    return {
        "tokens_per_s": rate,
        "utilisation_4n": rate * flops.useful / most,
        "hardware_utilisation": rate * flops.done(fit.checkpointed_layers / fit.layers) / most,
        "device": name,
        "peak_gib": peak.bytes / 2**30,
        "step_s": median(step.seconds for step in counted),
        "checkpointed_layers": fit.checkpointed_layers,
        "padding_share": 1 - sum(map(sum, rows)) / (length * len(rows)),
        "last_loss": taken[-1].loss,
    }


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--shape", choices=("tiny", *KNOWN), default="qwen3-14b")
    words.add_argument("--length", type=int, default=4096)
    words.add_argument("--steps", type=int, default=24)
    told = words.parse_args()
    if told.shape != "tiny" and not torch.cuda.is_available():
        sys.exit("there is no GPU here: nothing is measured; --shape tiny tries the script")
    print_report("lora_14b", measure(told.shape, told.length, told.steps))


if __name__ == "__main__":
    main()
