"""Layers that are computed again cost time and memory's room, and change nothing else."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import samples_of
from fine_tune.network.layers import compile_layers, decoder, recompute
from fine_tune.network.model import Batch, pack_loss, with_adapter
from fine_tune.recipe import Adapter
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model


def step(count, dtype=torch.float64, compiled=None):
    """Loss and gradients of two packed samples with branches, and bytes kept for the way back."""
    model = with_adapter(small_model(layers=3, dtype=dtype), Adapter(rank=4), 1)
    for name, one in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(one, std=0.1)
    model.train()
    done = recompute(model, count)
    if compiled is not None:
        compile_layers(model, compiled)
    samples = [s for n in range(2) for s in samples_of(lesson(n), FAMILY, encode, 512)]
    batch = Batch.of(pack_of(samples), torch.device("cpu"))
    kept = 0

    def keep(tensor):
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = pack_loss(model, batch)
    loss.backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    return done, loss.detach(), gradients, kept


@pytest.mark.parametrize("count", [1, 3, 9])
def test_losses_and_gradients_are_the_same_and_less_is_kept(count):
    _, loss, gradients, kept = step(0)
    done, again, others, less = step(count)
    assert done == min(count, 3)
    assert again == loss
    assert all(torch.equal(one, others[name]) for name, one in gradients.items())
    assert any(one.any() for one in gradients.values())
    assert less < kept * (1 - 0.25 * done)


def test_the_last_layers_are_those_that_are_kept_whole():
    model = small_model(layers=3)
    recompute(model, 2)
    assert [one.gradient_checkpointing for one in decoder(model).layers] == [True, True, False]
    recompute(model, 0)
    assert not any(one.gradient_checkpointing for one in decoder(model).layers)


def test_compiled_layers_learn_the_same():
    compiled = []

    def counted(graph, _):
        compiled.append(graph)
        return graph.forward

    _, loss, gradients, _ = step(1)
    _, again, others, _ = step(1, compiled=counted)
    assert again == loss
    assert all(torch.equal(one, others[name]) for name, one in gradients.items())
    # Four parts (attention is not compiled), for layers that are kept and those that are computed
    # again: not for each of three layers.
    assert 2 <= len(compiled) <= 8
