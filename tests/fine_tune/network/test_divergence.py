"""How far a model has left its base is PyTorch's own divergence."""

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from fine_tune.network.divergence import CHUNK, frozen_head_divergence


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
