"""An adapter added in place gives what peft's own layers give: outputs and gradients."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn

from fine_tune.network.low_rank import fuse


class Two(nn.Module):
    """A linear with a bias and one without."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.first = nn.Linear(12, 20, dtype=dtype)
        self.last = nn.Linear(20, 6, bias=False, dtype=dtype)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.first(given)))


def adapted(dtype: torch.dtype, *, stabilised: bool = True) -> torch.nn.Module:
    """Two linears, each with an adapter that does something."""
    torch.manual_seed(3)
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["first", "last"], use_rslora=stabilised)
    model = get_peft_model(Two(dtype), config)
    for name, one in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(one)
    return model


def outcome(model: torch.nn.Module, given: torch.Tensor) -> dict[str, torch.Tensor]:
    """What comes out, and every gradient."""
    entering = given.clone().requires_grad_()
    model.zero_grad()
    found = model(entering)
    (found.float() if found.dtype == torch.bfloat16 else found).pow(2).sum().backward()
    grads = {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}
    return {"out": found.detach(), "in": entering.grad, **grads}


def given(dtype: torch.dtype) -> torch.Tensor:
    """(2, 5, 12) numbers."""
    return torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("stabilised", [True, False])
def test_outputs_and_gradients_are_those_of_peft(stabilised):
    model = adapted(torch.float64, stabilised=stabilised).double()
    theirs = outcome(model, given(torch.float64))
    ours = outcome(fuse(model), given(torch.float64))
    assert len(ours) == 6
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-12, atol=1e-12, msg=name)


def test_a_narrow_base_keeps_its_dtype_and_its_adapter_learns_in_float32():
    model = adapted(torch.bfloat16)
    exact = outcome(adapted(torch.bfloat16).double(), given(torch.float64))
    ours = outcome(fuse(model), given(torch.bfloat16))
    assert ours["out"].dtype == ours["in"].dtype == torch.bfloat16
    for name, value in exact.items():
        assert "lora" not in name or ours[name].dtype == torch.float32
        far = (ours[name].double() - value).norm() / value.norm()
        assert far <= 4 * torch.finfo(torch.bfloat16).eps, name


def test_what_is_kept_for_the_way_back_is_in_the_dtype_of_the_base():
    model = fuse(adapted(torch.bfloat16))
    kept = []
    keep = torch.autograd.graph.saved_tensors_hooks(
        lambda one: kept.append(one) or one, lambda one: one
    )
    with keep:
        model(given(torch.bfloat16).requires_grad_())
    learning = {p.data_ptr() for p in model.parameters() if p.requires_grad}
    wide = [one for one in kept if one.dtype == torch.float32 and one.data_ptr() not in learning]
    assert kept
    assert not wide


def test_a_base_without_its_adapter_is_the_base():
    model = fuse(adapted(torch.float64).double())
    plain = model.get_base_model()
    with model.disable_adapter():
        bare = model(given(torch.float64))
    hidden = torch.tanh(plain.first.base_layer(given(torch.float64)))
    torch.testing.assert_close(bare, plain.last.base_layer(hidden))
    assert not torch.allclose(bare, model(given(torch.float64)))


def test_a_merged_adapter_is_added_once():
    model = fuse(adapted(torch.float64).double())
    apart = model(given(torch.float64))
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.merge()
    torch.testing.assert_close(model(given(torch.float64)), apart)
