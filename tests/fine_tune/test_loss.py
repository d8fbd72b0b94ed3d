"""The loss through a frozen head, against PyTorch's own cross-entropy and its gradients."""

import pytest
import torch

from fine_tune import loss
from fine_tune.loss import frozen_head_loss


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
