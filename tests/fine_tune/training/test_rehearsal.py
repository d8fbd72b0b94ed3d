"""What holds a model to its base is PyTorch's own divergence, and holds it."""

import msgspec
import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.lessons.texts import rehearsals
from fine_tune.network.divergence import CHUNK, frozen_head_divergence
from fine_tune.network.model import Batch, pack_divergence, with_adapter
from fine_tune.recipe import Adapter, Optimiser, Recipe
from fine_tune.training.checkpoint import last_checkpoint
from fine_tune.training.train import train
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model

RECIPE = Recipe(
    name="small", base="none", length=512, packs=2, epochs=6, save_every=4, rehearsal=64,
    adapter=Adapter(rank=4, alpha=64), optimiser=Optimiser(learning_rate=2e-2),
)  # fmt: skip
TEXT = "".join(f"{a * b}年后，月色如水。" for a in range(1, 30) for b in range(2, 9))


@pytest.mark.parametrize("rows", [1, CHUNK, CHUNK + 3])
def test_the_divergence_and_its_gradient_are_those_of_pytorch(rows):
    torch.manual_seed(1)
    head = torch.randn(50, 16, dtype=torch.float64)
    hidden = torch.randn(rows, 16, dtype=torch.float64, requires_grad=True)
    taught = torch.randn(rows, 16, dtype=torch.float64)
    found = frozen_head_divergence(hidden, taught, head)
    (gradient,) = torch.autograd.grad(2.0 * found, hidden)
    mine, base = log_softmax(hidden @ head.T, 1), log_softmax(taught @ head.T, 1)
    wanted = kl_div(mine, base, reduction="sum", log_target=True)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
    assert torch.allclose(gradient, torch.autograd.grad(2.0 * wanted, hidden)[0], atol=1e-12)


def test_a_model_as_it_was_has_not_left_its_base():
    hidden = torch.randn(5, 8)
    assert frozen_head_divergence(hidden, hidden, torch.randn(20, 8)).item() == 0.0


def run(folder, size, stop=None):
    recipe = msgspec.structs.replace(RECIPE, rehearsal=size)
    lessons = [s for n in range(12) for s in samples_of(lesson(n), FAMILY, encode, recipe.length)]
    plan = plan_of(lessons, recipe, rehearsals([TEXT[200:]], encode, size))
    model, seen = with_adapter(small_model(), recipe.adapter, recipe.seed), []

    def report(step):
        seen.append(step)
        if step.number == stop:
            raise KeyboardInterrupt

    done = train(model, plan, recipe, folder, "run", report)
    return done, model, seen


def departed(model):
    """Mean divergence from the base on text that was not rehearsed."""
    (one,) = rehearsals([TEXT[:200]], encode, 128)[:1]
    with torch.no_grad():
        return pack_divergence(model, Batch.of(pack_of([one]), torch.device("cpu"))).item() / 127


def test_what_is_rehearsed_is_kept_while_replies_are_learnt(tmp_path):
    plain, forgetful, _ = run(tmp_path / "plain", 0)
    held, faithful, seen = run(tmp_path / "held", 64)
    assert seen[0].departed == 0.0 < seen[-1].departed
    assert departed(faithful) < 0.7 * departed(forgetful)
    assert held.losses[-1] < 1.05 * plain.losses[-1]


def test_a_killed_run_rehearses_on_as_if_nothing_had_been(tmp_path):
    whole, *_ = run(tmp_path / "whole", 64)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", 64, stop=6)
    assert last_checkpoint(tmp_path / "killed", "run").told.losses == whole.losses[:4]
    again, *_ = run(tmp_path / "killed", 64)
    assert again.losses == whole.losses


def test_text_is_rehearsed_in_rows_of_one_size_and_none_of_none():
    rows = rehearsals([TEXT], encode, 64)
    assert {len(one) for one in rows} == {64}
    assert [t for one in rows for t in one.token] == encode(TEXT, False)[: 64 * len(rows)]
    assert {tuple(one.learnt) for one in rows} == {(0.0, *[1.0] * 63)}
    assert rehearsals([TEXT], encode, 0) == []
