"""A disk that is full at a checkpoint: a sentence, and the step before is read back whole."""

from contextlib import ExitStack

import pytest
import torch

from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.network.model import with_adapter
from fine_tune.recipe import Adapter, Optimiser, Recipe
from fine_tune.training.checkpoint import Checkpoint, Told, last_checkpoint, save_checkpoint
from fine_tune.training.train import train
from finmodel.errors import NoRoom
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model
from tests.full_disk import room

RECIPE = Recipe(
    name="full", base="none", length=512, save_every=1,
    adapter=Adapter(rank=4), optimiser=Optimiser(learning_rate=1e-2),
)  # fmt: skip
FULL = r"state\.safetensors: there is no room left on the disk; make room, then try again"


def at(step):
    tensors = {"weight/a": torch.full((50_000,), float(step)), "step/a": torch.tensor(float(step))}
    return Checkpoint(Told(step, "run", (3.0,) * step, 1.5), tensors)


@pytest.mark.parametrize("size", [0, 30, 4_096, 199_999])
def test_a_full_disk_is_told_and_the_step_before_is_read_back(tmp_path, size):
    save_checkpoint(tmp_path, at(1))
    with room(size), pytest.raises(NoRoom, match=FULL):
        save_checkpoint(tmp_path, at(2))
    assert [one.name for one in tmp_path.iterdir()] == ["step-00000001"]
    last = last_checkpoint(tmp_path, "run")
    assert last.told == at(1).told
    assert all(torch.equal(one, last.tensors[name]) for name, one in at(1).tensors.items())
    save_checkpoint(tmp_path, at(2))
    assert last_checkpoint(tmp_path, "run").told.step == 2


def test_a_run_whose_disk_fills_goes_on_to_the_losses_of_one_that_had_room(tmp_path):
    samples = [one for n in range(8) for one in samples_of(lesson(n), FAMILY, encode, 512)]
    plan = plan_of(samples, RECIPE)

    def learn(name, fills_at=None):
        with ExitStack() as stack:

            def report(step):
                if step.number == fills_at:
                    stack.enter_context(room(10_000))

            model = with_adapter(small_model(layers=1), RECIPE.adapter, 1)
            return train(model, plan, RECIPE, tmp_path / name, "run", report)

    whole = learn("room")
    with pytest.raises(NoRoom, match=FULL):
        learn("full", fills_at=2)
    assert last_checkpoint(tmp_path / "full", "run").told.losses == whole.losses[:2]
    assert learn("full").losses == whole.losses
