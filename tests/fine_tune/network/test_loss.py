"""The loss through a frozen head, against PyTorch's own cross-entropy and its gradients."""

import pytest
import torch

from fine_tune.network import loss
from fine_tune.network.loss import Groups, frozen_head_loss, frozen_head_losses


@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-13), (torch.float32, 2e-6)])
@pytest.mark.parametrize("chunk", [7, 64, 4096])
def test_loss_and_gradient_are_those_of_cross_entropy(dtype, close, chunk, monkeypatch):
    monkeypatch.setattr(loss, "CHUNK", chunk)
    torch.manual_seed(1)
    hidden = torch.randn(64, 16, dtype=dtype, requires_grad=True)
    head = torch.randn(300, 16, dtype=dtype)
    target = torch.randint(0, 300, (64,))
    weight = torch.rand(64, dtype=torch.float32)
    found = frozen_head_loss(hidden, head, target, weight)
    (mine,) = torch.autograd.grad(3.0 * found, hidden)
    again = torch.nn.functional.cross_entropy(hidden @ head.T, target, reduction="none")
    expected = (again * weight).sum()
    (theirs,) = torch.autograd.grad(3.0 * expected, hidden)
    torch.testing.assert_close(found, expected, rtol=close, atol=close)
    torch.testing.assert_close(mine, theirs, rtol=close * 100, atol=close * 100)


@pytest.mark.parametrize("chunk", [7, 4096])
def test_sums_of_groups_bend_as_a_loss_will(chunk, monkeypatch):
    monkeypatch.setattr(loss, "CHUNK", chunk)
    torch.manual_seed(1)
    hidden = torch.randn(40, 16, dtype=torch.float64, requires_grad=True)
    head = torch.randn(300, 16, dtype=torch.float64)
    target = torch.randint(0, 300, (40,))
    weight = torch.rand(40, dtype=torch.float32)
    of = torch.randint(0, 5, (40,))
    found = frozen_head_losses(hidden, head, target, weight, Groups(of, 6))
    (mine,) = torch.autograd.grad(torch.nn.functional.softplus(found - 20).sum(), hidden)
    each = torch.nn.functional.cross_entropy(hidden @ head.T, target, reduction="none") * weight
    expected = torch.stack([each[of == group].sum() for group in range(6)])
    (theirs,) = torch.autograd.grad(torch.nn.functional.softplus(expected - 20).sum(), hidden)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11)


def test_the_head_gets_no_gradient_and_no_logits_stay():
    hidden = torch.randn(9, 4, requires_grad=True)
    head = torch.randn(11, 4, requires_grad=True)
    found = frozen_head_loss(hidden, head, torch.zeros(9, dtype=torch.long), torch.ones(9))
    found.backward()
    assert head.grad is None
    assert hidden.grad is not None
    with torch.no_grad():
        silent = frozen_head_loss(hidden, head, torch.zeros(9, dtype=torch.long), torch.ones(9))
    assert silent.item() == pytest.approx(found.item())
