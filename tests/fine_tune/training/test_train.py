"""A run learns, is what plain PyTorch does, and goes on after a kill as if nothing had been."""

import dataclasses

import msgspec
import numpy as np
import pytest
import torch

from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of, rate
from fine_tune.lessons.texts import rehearsals
from fine_tune.network.model import Batch, pack_divergence, pack_loss, with_adapter
from fine_tune.recipe import Adapter, Optimiser, Recipe
from fine_tune.training.checkpoint import last_checkpoint
from fine_tune.training.train import optimiser_of, train
from finmodel.errors import BadInput, Damaged
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model

RECIPE = Recipe(
    name="small", base="none", length=512, packs=2, epochs=3, save_every=3,
    adapter=Adapter(rank=4, alpha=64),
    optimiser=Optimiser(learning_rate=2e-2, b_ratio=2.0, clip=0.5),
)  # fmt: skip


class Killed(BaseException):
    pass


def samples(count=12):
    return [s for n in range(count) for s in samples_of(lesson(n), FAMILY, encode, RECIPE.length)]


def run(folder, plan, stop=None, recipe=RECIPE):
    model = with_adapter(small_model(), recipe.adapter, recipe.seed)
    seen = []

    def report(step):
        seen.append(step)
        if stop is not None and step.number == stop:
            raise Killed

    return train(model, plan, recipe, folder, "run", report), model, seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    plan = plan_of(samples(), RECIPE)
    done, model, seen = run(tmp_path_factory.mktemp("whole"), plan)
    return plan, done, {n: p.detach() for n, p in model.named_parameters()}, seen


def test_a_run_learns_its_replies(whole):
    plan, done, _, seen = whole
    assert len(done.losses) == len(plan) == len(seen) >= 8
    assert done.losses[-1] < 0.95 * done.losses[0]
    assert sum(step.learnt for step in seen) == 3 * sum(
        int((s.learnt > 0).sum()) for s in samples()
    )


@pytest.mark.parametrize("stops", [[1], [4], [2, 5, 5, 8]])
def test_a_killed_run_ends_with_the_losses_of_an_undisturbed_one(whole, tmp_path, stops):
    plan, done, weights, _ = whole
    for stop in stops:
        with pytest.raises(Killed):
            run(tmp_path, plan, stop)
    again, model, _ = run(tmp_path, plan)
    assert again.losses == done.losses
    assert all(torch.equal(one, weights[name]) for name, one in model.named_parameters())


def test_the_steps_are_those_of_plain_pytorch(whole):
    plan, done, _, _ = whole
    model = with_adapter(small_model(), RECIPE.adapter, RECIPE.seed)
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    assert {n.rsplit(".", 3)[-3] for n, _ in named} == {"lora_A", "lora_B"}
    adam = torch.optim.AdamW(
        [
            {"params": [p for n, p in named if "lora_A" in n]},
            {"params": [p for n, p in named if "lora_B" in n]},
        ],
        weight_decay=0.0,
    )
    for number in range(3):
        speed = rate(RECIPE.optimiser, number, len(plan))
        adam.param_groups[0]["lr"], adam.param_groups[1]["lr"] = speed, 2 * speed
        batches = [Batch.of(pack, torch.device("cpu")) for pack in plan.packs(number)]
        loss = sum(pack_loss(model, b) for b in batches) / sum(b.weight.sum() for b in batches)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in named], 0.5)
        adam.step()
        assert loss.item() == pytest.approx(done.losses[number], rel=1e-5)


def test_every_sample_comes_once_an_epoch_and_each_seed_has_its_own_order():
    told = samples()
    plan = plan_of(told, RECIPE)
    places = np.concatenate([row for step in plan.steps for row in step])
    assert np.bincount(places).tolist() == [3] * len(told)
    assert plan_of(told, RECIPE).steps == plan.steps
    assert plan_of(told, msgspec.structs.replace(RECIPE, seed=2)).steps != plan.steps
    half = plan_of(told, msgspec.structs.replace(RECIPE, epochs=0.5))
    assert sum(len(row) for step in half.steps for row in step) == len(told) / 2


def test_a_folder_of_another_run_is_refused_and_a_torn_one_is_told(whole, tmp_path):
    plan = whole[0]
    with pytest.raises(Killed):
        run(tmp_path, plan, 3)
    with pytest.raises(BadInput, match="another recipe, base or data"):
        last_checkpoint(tmp_path, "other")
    (tmp_path / "step-00000003" / "state.safetensors").write_bytes(b"torn")
    with pytest.raises(Damaged, match="cannot be read"):
        last_checkpoint(tmp_path, "run")


def test_a_run_that_leaves_the_numbers_stops_and_keeps_its_last_checkpoint(tmp_path):
    plan = plan_of(samples(), msgspec.structs.replace(RECIPE, epochs=1, packs=1))
    place = plan.steps[0][0][0]
    poisoned = list(plan.samples)
    poisoned[place] = dataclasses.replace(
        poisoned[place], learnt=np.where(poisoned[place].learnt > 0, np.float32(np.inf), 0)
    )
    steps = plan.steps[1:3] + plan.steps[:1]
    plan = dataclasses.replace(plan, samples=tuple(poisoned), steps=steps)
    assert place not in np.concatenate([row for step in steps[:2] for row in step])
    with pytest.raises(BadInput, match="step 3: the loss is"):
        run(tmp_path, plan, recipe=msgspec.structs.replace(RECIPE, save_every=1))
    assert last_checkpoint(tmp_path, "run").told.step == 2


def test_b_matrices_learn_at_their_own_rate():
    model = with_adapter(small_model(), RECIPE.adapter, 1)
    groups = optimiser_of(model, RECIPE.optimiser).param_groups
    assert [group["ratio"] for group in groups] == [1.0, 2.0]
    assert all(not p.any() for p in groups[1]["params"]), "B is not zero at the start"


REHEARSING = Recipe(
    name="small", base="none", length=512, packs=2, epochs=6, save_every=4, rehearsal=64,
    adapter=Adapter(rank=4, alpha=64), optimiser=Optimiser(learning_rate=2e-2),
)  # fmt: skip
TEXT = "".join(f"{a * b}年后，月色如水。" for a in range(1, 30) for b in range(2, 9))


def rehearse(folder, size, stop=None):
    recipe = msgspec.structs.replace(REHEARSING, rehearsal=size)
    lessons = [s for n in range(12) for s in samples_of(lesson(n), FAMILY, encode, recipe.length)]
    plan = plan_of(lessons, recipe, rehearsals([TEXT[200:]], encode, size))
    return run(folder, plan, stop, recipe)


def departed(model):
    """Mean divergence from the base on text that was not rehearsed."""
    (one,) = rehearsals([TEXT[:200]], encode, 128)[:1]
    with torch.no_grad():
        return pack_divergence(model, Batch.of(pack_of([one]), torch.device("cpu"))).item() / 127


def test_what_is_rehearsed_is_kept_while_replies_are_learnt(tmp_path):
    plain, forgetful, _ = rehearse(tmp_path / "plain", 0)
    held, faithful, seen = rehearse(tmp_path / "held", 64)
    assert seen[0].departed == 0.0 < seen[-1].departed
    assert departed(faithful) < 0.7 * departed(forgetful)
    assert held.losses[-1] < 1.05 * plain.losses[-1]


def test_a_killed_run_rehearses_on_as_if_nothing_had_been(tmp_path):
    whole, *_ = rehearse(tmp_path / "whole", 64)
    with pytest.raises(Killed):
        rehearse(tmp_path / "killed", 64, 6)
    assert last_checkpoint(tmp_path / "killed", "run").told.losses == whole.losses[:4]
    again, *_ = rehearse(tmp_path / "killed", 64)
    assert again.losses == whole.losses
