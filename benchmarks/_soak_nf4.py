"""One whole LoRA step of a large base in four bits, through our own code: `make soak-14b`.

A base of Qwen3-14B's shape and random weights is written layer by layer, loaded, stepped once on
128 tokens (rsLoRA r 64 on all linears), its adapter saved, read back and compared. Printed are
seconds and the most that was resident; the limits are 14 GiB and 240 s a step.

python benchmarks/_soak_nf4.py --shape qwen3-14b --layers 2      fewer layers of the same width
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

# Before peft is imported: a part of it recommends what would fetch code from a hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from _report import note, print_report  # noqa: E402

from fine_tune.bases.shape import KNOWN  # noqa: E402
from fine_tune.lessons.samples import Sample  # noqa: E402
from fine_tune.lessons.steps import Plan  # noqa: E402
from fine_tune.network.layers import recompute  # noqa: E402
from fine_tune.network.machine import Peak, give_back_freed_memory  # noqa: E402
from fine_tune.network.model import Batch, load_base, pack_loss, with_adapter  # noqa: E402
from fine_tune.network.random_base import keep_random_base  # noqa: E402
from fine_tune.recipe import Adapter, Recipe  # noqa: E402
from fine_tune.training.train import train  # noqa: E402

TOKENS = 128
Answer = TypeVar("Answer")


def sample(tokens: int, vocabulary: int) -> Sample:
    """Random tokens, the second half of them learnt."""
    rng = np.random.default_rng(1)
    return Sample(
        token=rng.integers(0, vocabulary, tokens).astype(np.int32),
        position=np.arange(tokens, dtype=np.int32),
        branch=np.zeros(tokens, np.int32),
        forks=np.array([tokens], np.int32),
        learnt=(np.arange(tokens) >= tokens // 2).astype(np.float32),
    )


def soak(config: dict[str, Any], folder: Path, again: int, rank: int) -> dict[str, float]:
    """Write, load, step, save, read back, compare: seconds, bytes and what was equal."""
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Answer]) -> Answer:
        note(name)
        begun = time.perf_counter()
        found = work()
        seconds[f"{name}_s"] = time.perf_counter() - begun
        return found

    base, runs, kept = (folder / name for name in ("base", "runs", "adapter"))
    base.mkdir(exist_ok=True)
    device = torch.device("cpu")
    if not (base / "config.json").exists():
        timed("build", lambda: keep_random_base(config, base, 1))
    recipe = Recipe(name="soak", base="random", dtype="float32", adapter=Adapter(rank=rank))
    with Peak(device) as peak:
        whole = timed("load", lambda: load_base(base, torch.float32))
        model = with_adapter(whole, recipe.adapter, 1)
        recompute(model, again)
        plan = Plan((sample(TOKENS, config["vocab_size"]),), (((0,),),), 0.0)
        steps: list[Any] = []
        timed("train", lambda: train(model, plan, recipe, runs, "soak", steps.append))
        timed("save", lambda: model.save_pretrained(kept, safe_serialization=True))
        batch = Batch.of(plan.packs(0)[0], device)
        after = timed("loss", lambda: _loss(model, batch))
        mine = _adapter(model, "default")
        timed("reload", lambda: model.load_adapter(kept, "again"))
        others = _adapter(model, "again")
        model.set_adapter("again")
        read = _loss(model, batch)
    equal = all(torch.equal(one, others[name]) for name, one in mine.items())
    return seconds | {
        "step_s": steps[0].seconds,
        "loss": steps[0].loss,
        "loss_after": after / (TOKENS - TOKENS // 2),
        "adapter_tensors": len(mine),
        "moved_tensors": sum(int(one.any()) for name, one in mine.items() if "lora_B" in name),
        "equal": float(equal and mine.keys() == others.keys() and read == after),
        "peak_gib": peak.bytes / 2**30,
    }


def _loss(model: Any, batch: Batch) -> float:
    with torch.no_grad():
        return float(pack_loss(model.eval(), batch))


def _adapter(model: Any, name: str) -> dict[str, torch.Tensor]:
    mine = f".{name}."
    return {
        key.replace(mine, "."): one.detach()
        for key, one in model.named_parameters()
        if "lora_" in key and mine in key
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="qwen3-14b", choices=KNOWN)
    parser.add_argument("--layers", type=int, help="fewer layers than the shape has")
    parser.add_argument("--checkpointed-layers", type=int, default=0)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="where the base stays; nowhere if none")
    asked = parser.parse_args()
    config = dict(KNOWN[asked.shape])
    config["num_hidden_layers"] = asked.layers or config["num_hidden_layers"]
    give_back_freed_memory()
    with tempfile.TemporaryDirectory() as aside:
        folder = asked.folder or Path(aside)
        figures = soak(config, folder, asked.checkpointed_layers, asked.rank)
    print_report("soak_nf4", {"layers": config["num_hidden_layers"]} | figures)


if __name__ == "__main__":
    main()
