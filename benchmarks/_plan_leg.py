"""One real run in a process of its own: how much memory it took at most. Prints bytes.

python benchmarks/_plan_leg.py CASE      a case of benchmarks/plan.py, as JSON
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before peft is imported: a part of it recommends what would fetch code from a hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

import msgspec  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from fine_tune.lessons.samples import Sample  # noqa: E402
from fine_tune.lessons.steps import Plan  # noqa: E402
from fine_tune.lessons.texts import rehearsals  # noqa: E402
from fine_tune.network.layers import recompute  # noqa: E402
from fine_tune.network.machine import Peak, give_back_freed_memory, taken_memory  # noqa: E402
from fine_tune.network.model import load_base, with_adapter  # noqa: E402
from fine_tune.network.random_base import keep_random_base  # noqa: E402
from fine_tune.planning.trace import Row  # noqa: E402
from fine_tune.recipe import Adapter, Recipe  # noqa: E402
from fine_tune.training.train import train  # noqa: E402

STEPS = 2
"""In the second one the optimiser's moments are there from the beginning."""
SMALL = {
    "model_type": "qwen3", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A base's shape and a way to run it."""

    name: str
    config: dict[str, Any]
    samples: tuple[int, ...]
    branches: tuple[bool, ...]
    checkpointed_layers: int
    rank: int
    quantised: bool = False
    kept: bool = False
    """The base is kept in four bits with a narrow embedding and head; no recipe says so."""
    rehearsal: int = 0
    """So many tokens of general text in each step."""

    @property
    def row(self) -> Row:
        """What a pass reads."""
        return Row(self.samples, self.branches, sum(size - 2 for size in self.samples))

    @property
    def recipe(self) -> Recipe:
        """The recipe that says so."""
        return Recipe(
            name=self.name,
            base="random",
            length=sum(self.samples),
            dtype="float32",
            checkpointed_layers=self.checkpointed_layers,
            quantised="nf4" if self.quantised else None,
            rehearsal=self.rehearsal,
            adapter=Adapter(rank=self.rank),
        )


def sample(size: int, branch: bool, vocabulary: int) -> Sample:
    """Random tokens, with a branch from the middle on or without."""
    rng = np.random.default_rng(size)
    learnt = np.ones(size, np.float32)
    learnt[[0, size // 2]] = 0.0
    where = np.zeros(size, np.int32)
    where[size // 2 :] = branch
    return Sample(
        token=rng.integers(0, vocabulary, size).astype(np.int32),
        position=np.arange(size, dtype=np.int32),
        branch=where,
        forks=np.array([size, size // 2], np.int32),
        learnt=learnt,
    )


def text(size: int, vocabulary: int) -> list[Sample]:
    """A row of random tokens as general text; none of size 0."""
    rng = np.random.default_rng(size)
    return rehearsals([""], lambda *_: rng.integers(0, vocabulary, size).tolist(), size)


def keep_base(case: Case, folder: Path) -> None:
    """A base of random weights in float32; in four bits where the case is."""
    if case.kept:
        keep_random_base(case.config, folder, 0)
        return
    told = dict(case.config)
    torch.manual_seed(0)
    shape = AutoConfig.for_model(told.pop("model_type"), **told)
    whole = folder / "whole" if case.quantised else folder
    AutoModelForCausalLM.from_config(shape, dtype=torch.float32).save_pretrained(whole)
    if case.quantised:
        load_base(whole, torch.float32, "nf4").save_pretrained(folder)


def run(case: Case, folder: Path) -> None:
    """Load a base and take two steps of our own training, a checkpoint after the last one."""
    model = with_adapter(load_base(folder, torch.float32), case.recipe.adapter, 1)
    recompute(model, case.checkpointed_layers)
    vocabulary = model.config.vocab_size
    samples = tuple(
        sample(*one, vocabulary) for one in zip(case.samples, case.branches, strict=True)
    )
    steps = ((tuple(range(len(samples))),),) * STEPS
    plan = Plan(samples, steps, 0.0, tuple(text(case.rehearsal, vocabulary)))
    with tempfile.TemporaryDirectory() as runs:
        train(model, plan, case.recipe, Path(runs), "run", lambda step: None)


def measured(case: Case) -> int:
    """Resident bytes at most, above what there was before the model was loaded."""
    give_back_freed_memory()
    device = torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        first = msgspec.json.decode(msgspec.json.encode(case), type=Case)
        warm = Case(
            first.name, SMALL, (64,), (True,), 1, 4,
            first.quantised, first.kept, min(first.rehearsal, 32),
        )  # fmt: skip
        keep_base(warm, Path(folder))
        run(warm, Path(folder))  # what libraries take once, whatever the model
    before = taken_memory(device)
    with Peak(device) as peak:
        run(case, Path(sys.argv[2]))
    return peak.bytes - before


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.argv[1], type=Case)
    if len(sys.argv) == 4:  # a base is to be made, in a process that may be large
        keep_base(asked, Path(sys.argv[2]))
    else:
        json.dump({"bytes": measured(asked)}, sys.stdout)
