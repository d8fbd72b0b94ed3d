"""A step that finds no memory says what would fit, and keeps what was finished."""

import msgspec
import pytest
import torch

from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.network.model import with_adapter
from fine_tune.planning.out_of_memory import memory_told
from fine_tune.recipe import Adapter, Recipe
from fine_tune.training import train as training
from fine_tune.training.checkpoint import last_checkpoint
from fine_tune.training.train import train
from finmodel.errors import NoRoom
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model

RECIPE = Recipe(name="small", base="none", length=512, save_every=1, adapter=Adapter(rank=4))


@pytest.fixture(scope="module")
def model():
    return with_adapter(small_model(), RECIPE.adapter, 1)


def test_what_torch_itself_cannot_allocate_is_told_with_what_fits(model):
    with (
        pytest.raises(NoRoom, match=r"step 7: a step of 512 tokens .* by the plan this fits: che"),
        memory_told(model, RECIPE, 7, 512),
    ):
        torch.empty(1 << 55, dtype=torch.uint8)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")])
def test_whatever_names_it(model, error):
    with pytest.raises(NoRoom, match="found no memory"), memory_told(model, RECIPE, 1, 10):
        raise error


def test_another_error_stays_what_it_is(model):
    with pytest.raises(RuntimeError, match="shapes"), memory_told(model, RECIPE, 1, 10):
        torch.ones(2, 3) @ torch.ones(2, 3)


def test_a_run_keeps_what_was_finished_and_goes_on(tmp_path, monkeypatch):
    told = [s for n in range(12) for s in samples_of(lesson(n), FAMILY, encode, RECIPE.length)]
    plan = plan_of(told, RECIPE)
    assert len(plan) > 2
    learn, calls = training._learn, []

    def short(*given):
        calls.append(given)
        if len(calls) == 2:
            torch.empty(1 << 55, dtype=torch.uint8)
        return learn(*given)

    monkeypatch.setattr(training, "_learn", short)
    mine = with_adapter(small_model(), RECIPE.adapter, 1)
    with pytest.raises(NoRoom, match=r"step 2: .*the last checkpoint stays"):
        train(mine, plan, RECIPE, tmp_path, "run", lambda step: None)
    assert last_checkpoint(tmp_path, "run").told.step == 1
    again = with_adapter(small_model(), RECIPE.adapter, 1)
    done = train(again, plan, RECIPE, tmp_path, "run", lambda step: None)
    whole = with_adapter(small_model(), RECIPE.adapter, 1)
    other = msgspec.structs.replace(RECIPE, checkpointed_layers=2)
    assert done.losses == train(whole, plan, other, tmp_path / "b", "b", lambda s: None).losses
