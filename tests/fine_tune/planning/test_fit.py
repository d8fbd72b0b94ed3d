"""How few layers are computed again: as few as fit what is free, found by trying."""

import msgspec
import pytest
import torch

from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.network.layers import decoder
from fine_tune.network.machine import Peak, free_memory, taken_memory
from fine_tune.network.model import with_adapter
from fine_tune.planning import fit
from fine_tune.planning.fit import Fit, fewest, fit_layers, need
from fine_tune.recipe import Adapter, Recipe
from finmodel.errors import NoRoom
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model

CPU = torch.device("cpu")
RECIPE = Recipe(name="small", base="none", length=4096, adapter=Adapter(rank=8))


@pytest.fixture(scope="module")
def plan():
    told = [s for n in range(40) for s in samples_of(lesson(n), FAMILY, encode, RECIPE.length)]
    return plan_of(told, RECIPE)


def model(layers=6):
    return with_adapter(small_model(layers=layers), RECIPE.adapter, 1)


def again(model):
    return sum(one.gradient_checkpointing for one in decoder(model).layers)


@pytest.mark.parametrize("room", [0, 20, 21, 30, 55, 74, 75, 130, 131, 500])
def test_one_layer_fewer_would_not_fit(room):
    measured = Fit(0, layers=10, room=room, fixed=11, whole=12, entry=1)
    found = fewest(measured)
    if found is None:
        assert need(measured, 10) > room
    else:
        assert need(measured, found) <= room
        assert found == 0 or need(measured, found - 1) > room


def test_a_recipe_that_says_how_many_is_heeded_without_a_trial(plan, tmp_path):
    mine = model()
    recipe = msgspec.structs.replace(RECIPE, checkpointed_layers=4)
    assert fit_layers(mine, plan, recipe, tmp_path).checkpointed_layers == again(mine) == 4
    assert not list(tmp_path.iterdir())


def test_a_trial_finds_what_fits_and_a_run_that_goes_on_asks_no_more(plan, tmp_path, monkeypatch):
    roomy = model()
    found = fit_layers(roomy, plan, RECIPE, tmp_path / "roomy")
    assert (found.checkpointed_layers, again(roomy)) == (0, 0)
    # Hidden states of the longest row alone, as float32, enter each layer.
    longest = max(sum(len(plan.samples[k]) for k in row) for step in plan.steps for row in step)
    assert found.whole > 8 * longest * 64 * 4
    assert found.whole > 2 * found.entry
    tight = found.fixed + 6 * found.entry + 2.5 * (found.whole - found.entry)
    monkeypatch.setattr(fit, "free_memory", lambda device: int(tight / fit.SHARE))
    other = model()
    few = fit_layers(other, plan, RECIPE, tmp_path / "tight").checkpointed_layers
    assert 0 < few < 6
    assert again(other) == few
    monkeypatch.setattr(fit, "free_memory", lambda device: 1)
    again_other = model()
    assert fit_layers(again_other, plan, RECIPE, tmp_path / "tight").checkpointed_layers == few
    assert again(again_other) == few
    with pytest.raises(NoRoom, match=r"memory: a step of [\d,]+ tokens takes .* GiB .*nf4"):
        fit_layers(model(), plan, RECIPE, tmp_path / "none")
    assert all(one.grad is None for one in again_other.parameters())


def test_a_trial_that_finds_no_memory_says_what_would_fit(plan, tmp_path, monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr(fit, "pack_loss", short)
    with pytest.raises(NoRoom, match=r"the trial of a step found no memory .* this fits: check"):
        fit_layers(model(), plan, RECIPE, tmp_path)
    assert not list(tmp_path.iterdir())


def test_memory_is_what_the_kernel_says():
    before = taken_memory(CPU)
    with Peak(CPU) as peak:
        block = torch.ones(64 << 18)  # 64 MiB
        held = taken_memory(CPU)
        del block
    assert 60 << 20 < held - before < 80 << 20
    assert peak.bytes - before > 60 << 20
    assert 0 < free_memory(CPU) < 1 << 50
