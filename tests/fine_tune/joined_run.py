"""A small run, for a launcher to start in several processes: prints its losses, each as hex."""

import sys
import warnings
from pathlib import Path

import torch

from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.network import processes
from fine_tune.network.model import with_adapter
from fine_tune.recipe import Adapter, Optimiser, Recipe
from fine_tune.training.train import train
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model


def run(folder, steps_before_a_crash=None):
    recipe = Recipe(
        name="joined", base="", length=512, packs=2, save_every=1,
        adapter=Adapter(rank=4, alpha=8), optimiser=Optimiser(learning_rate=0.01, b_ratio=4),
    )  # fmt: skip
    samples = [x for n in range(10) for x in samples_of(lesson(n), FAMILY, encode, 512)]
    model = with_adapter(small_model(dtype=torch.float64), recipe.adapter, 1)
    processes.place(model, torch.device("cpu"))

    def report(step):
        if step.number == steps_before_a_crash:
            raise SystemExit(9)

    plan = plan_of(samples, recipe)
    assert len(plan.steps[-1]) == 1, "a step of too few packs for all must be among them"
    return train(model, plan, recipe, folder, "run", report), model


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    processes.join(2)
    crash = int(sys.argv[2]) if len(sys.argv) > 2 else None
    done, model = run(Path(sys.argv[1]), crash)
    part = model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight
    held = part.to_local().numel() / part.numel() if hasattr(part, "to_local") else 1.0
    if processes.first():
        told = " ".join(loss.hex() for loss in done.losses)
        sys.stdout.write(f"{held} {told}\n")
