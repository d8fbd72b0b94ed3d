"""What finds no memory says what would fit, and keeps what was finished."""

import json
import re

import msgspec
import pytest
import torch

from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.network.layers import recompute
from fine_tune.network.model import with_adapter
from fine_tune.planning import out_of_memory
from fine_tune.planning.advice import NOTHING
from fine_tune.planning.out_of_memory import (
    loading_told,
    memory_told,
    require_room,
    step_told,
    what_fits,
)
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
        step_told(model, RECIPE, 7, 512),
    ):
        torch.empty(1 << 55, dtype=torch.uint8)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")])
def test_whatever_names_it(model, error):
    with pytest.raises(NoRoom, match="found no memory"), step_told(model, RECIPE, 1, 10):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        OSError(12, "Cannot allocate memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 3221225472 "
                     "bytes. Error code 12"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB. GPU 0 has"),
    ],
)  # fmt: skip
def test_how_much_was_asked_for_is_told_where_it_is_said(error):
    says = " for 3.00 GiB" if "3" in str(error) else ""
    with (
        pytest.raises(NoRoom, match=rf"here: loading found no memory{says} beside the .*; wait$"),
        memory_told("loading", "here", lambda: "wait"),
    ):
        raise error


def test_a_remedy_that_finds_no_memory_itself_is_a_general_one():
    def remedy():
        raise MemoryError

    with pytest.raises(NoRoom, match=f"; {NOTHING}$"), memory_told("a", "b", remedy):
        raise MemoryError


def test_what_failed_is_not_advised_nor_what_takes_as_much():
    mine = with_adapter(small_model(layers=4), RECIPE.adapter, 1)
    for again in (0, 2):
        recompute(mine, again)
        (told,) = re.findall(r"^checkpointed_layers: (\d)", what_fits(mine, RECIPE))
        assert again < int(told) <= 4
    recompute(mine, 4)
    assert what_fits(mine, RECIPE).startswith("length: 256 with checkpointed_layers: ")
    assert what_fits(mine, RECIPE, again=4) == what_fits(mine, RECIPE)


@pytest.fixture
def folder(tmp_path):
    told = small_model().config.to_dict()
    (tmp_path / "config.json").write_text(json.dumps(told, default=str))
    return tmp_path


def keep_in_four_bits(folder):
    told = json.loads((folder / "config.json").read_text())
    bits = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    (folder / "config.json").write_text(json.dumps(told | bits))


def test_a_base_that_finds_no_memory_is_told_in_fewer_bits_if_there_are(folder):
    whole, few = r"fits: quantised: nf4 with checkpointed_layers: 0$", f"fits: {NOTHING}$"
    nf4 = msgspec.structs.replace(RECIPE, quantised="nf4")
    for recipe, says in ((RECIPE, whole), (nf4, few)):
        with (
            pytest.raises(NoRoom, match=rf"{folder}: loading the base found no memory .*{says}"),
            loading_told(folder, recipe),
        ):
            raise MemoryError
    keep_in_four_bits(folder)
    with pytest.raises(NoRoom, match=few), loading_told(folder, RECIPE):
        raise MemoryError


def test_weights_that_are_more_than_is_free_are_not_begun_with(folder, monkeypatch):
    require_room(folder, RECIPE, torch.float32)
    whole = sum(one.nbytes for one in small_model().parameters())
    monkeypatch.setattr(out_of_memory, "free_memory", lambda device: whole - 1)
    with pytest.raises(NoRoom, match=r"its weights take .* GiB, and .* are free; by the plan"):
        require_room(folder, RECIPE, torch.float32)
    require_room(folder, RECIPE, torch.bfloat16)
    keep_in_four_bits(folder)
    require_room(folder, RECIPE, torch.float32)


def test_another_error_stays_what_it_is(model):
    with pytest.raises(RuntimeError, match="shapes"), step_told(model, RECIPE, 1, 10):
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
