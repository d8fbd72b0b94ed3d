"""The preference loss against TRL's, and what is kept of a reference."""

import copy

import msgspec
import numpy as np
import pytest
import torch

from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.pairs import pair_samples
from fine_tune.lessons.steps import plan_of
from fine_tune.network.model import with_adapter
from fine_tune.recipe import Adapter, Optimiser, Preference, Recipe
from fine_tune.training.preference import (
    KEPT,
    Preferring,
    kept_reference,
    preferred,
    with_reference,
)
from fine_tune.training.train import train
from finmodel.errors import BadInput, Damaged
from tests.fine_tune.small_model import small_model
from tests.fine_tune.small_pairs import SPEAKER, judged, rows_of, trainer_of

BETA = 0.3
CPU = torch.device("cpu")
ADAPTER = Adapter(rank=4, alpha=16)
RECIPE = Recipe(
    name="small", base="none", length=600, packs=1, epochs=4, save_every=2, adapter=ADAPTER,
    optimiser=Optimiser(learning_rate=2e-2), preference=Preference(beta=BETA),
)  # fmt: skip


def adapted(attention=None, dtype=torch.float64, trained=False):
    """A model with an adapter; a trained one says something of its own."""
    model = with_adapter(small_model(attention, dtype), ADAPTER, seed=1).to(dtype)
    if trained:
        with torch.no_grad():
            torch.manual_seed(5)
            for name, one in model.named_parameters():
                if "lora_B" in name:
                    one.normal_(0, 0.3)
    return model


def moved(model, by):
    """The same model some way on, as after some steps."""
    torch.manual_seed(by)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if ".default." in name:
                one.add_(0.05 * torch.randn(one.shape).to(one.dtype))
    return model


@pytest.mark.parametrize("start", ["a fresh adapter", "an adapter that is learnt on"])
# TRL makes float32 of its logits, whatever the model is.
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 2e-6), (torch.float32, 2e-4)])
def test_loss_and_gradients_are_those_of_trl(tmp_path, start, dtype, close):
    lessons = [judged(number, turns) for number, turns in enumerate((3, 1, 4, 2))]
    trained = start == "an adapter that is learnt on"
    mine = adapted(dtype=dtype, trained=trained)
    samples = with_reference(mine, pair_samples(lessons, SPEAKER, 600), 600)
    moved(mine, 3)
    mine.train()
    packs = [pack_of(samples[:3]), pack_of(samples[3:])]
    found = 0.0
    for part in Preferring(BETA)(mine, packs, CPU):
        part.backward()
        found += part.item()
    theirs = adapted("sdpa", dtype=dtype, trained=trained)
    rows = rows_of(lessons)
    trainer = trainer_of(theirs, rows, tmp_path, beta=BETA)
    moved(theirs, 3)
    theirs.train()
    expected = trainer.compute_loss(theirs, trainer.data_collator(rows))
    expected.backward()
    assert found == pytest.approx(expected.item(), rel=close)
    grads = {
        n: p.grad for n, p in theirs.named_parameters() if p.requires_grad and ".ref." not in n
    }
    compared = 0
    for name, one in mine.named_parameters():
        if one.requires_grad:
            torch.testing.assert_close(one.grad, grads[name], rtol=50 * close, atol=close)
            compared += bool(one.grad.abs().max() > 100 * close)
    assert compared > 20


def test_the_reference_of_a_fresh_adapter_is_its_base():
    samples = pair_samples([judged(1), judged(2)], SPEAKER, 600)
    model = adapted()
    fresh = with_reference(model, samples, 600)
    moved(model, 3)
    with model.disable_adapter():
        base = with_reference(model, samples, 600)
    for one, other in zip(fresh, base, strict=True):
        np.testing.assert_allclose(one.reference, other.reference, rtol=1e-12)


def test_a_reference_is_computed_once_and_kept(tmp_path):
    samples = pair_samples([judged(1), judged(2)], SPEAKER, 600)
    model = adapted()
    first = kept_reference(tmp_path, model, samples, 600)
    moved(model, 3)
    again = kept_reference(tmp_path, model, samples, 600)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.reference, other.reference)
    with pytest.raises(Damaged, match="it is of other pairs"):
        kept_reference(tmp_path, model, samples[:1], 600)
    (tmp_path / KEPT).write_bytes(b"torn")
    with pytest.raises(Damaged, match="it cannot be read"):
        kept_reference(tmp_path, model, samples, 600)


def test_a_run_comes_to_prefer_what_was_sent_and_a_killed_one_ends_alike(tmp_path):
    samples = pair_samples([judged(number) for number in range(6)], SPEAKER, 600)

    def run(folder, stop=None):
        model = adapted(dtype=torch.float64)
        weighed = kept_reference(folder, model, samples, 600)

        def report(step):
            if step.number == stop:
                raise KeyboardInterrupt

        plan = plan_of(weighed, RECIPE)
        return train(model, plan, RECIPE, folder, "run", report), model, weighed

    done, model, weighed = run(tmp_path / "whole")
    assert done.losses[0] == pytest.approx(np.log(2), rel=1e-5)
    assert done.losses[-1] < 0.8 * done.losses[0]
    found = preferred(model, weighed, 600)
    assert (found.pairs, found.agreement) == (18, 1.0)
    assert found.margin > 1.0
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", stop=3)
    again, _, _ = run(tmp_path / "killed")
    assert again.losses == done.losses


def test_pairs_that_leave_the_numbers_stop_the_run(tmp_path):
    samples = pair_samples([judged(1), judged(2)], SPEAKER, 600)
    model = adapted(dtype=torch.float32)
    weighed = [copy.copy(one) for one in with_reference(model, samples, 600)]
    weighed[0].reference[0] = np.nan
    recipe = msgspec.structs.replace(RECIPE, epochs=1)
    with pytest.raises(BadInput, match="the loss is nan"):
        train(model, plan_of(weighed, recipe), recipe, tmp_path, "run", lambda step: None)


def test_without_pairs_nothing_is_claimed():
    found = preferred(adapted(), (), 600)
    assert found.pairs == 0
    assert np.isnan(found.agreement)
