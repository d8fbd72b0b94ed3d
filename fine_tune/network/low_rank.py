"""An adapter added to what its frozen linear gives, in the base's own dtype and in place.

A model with a peft adapter comes in; its linears compute here from then on. peft by itself copies
each input to the adapter's float32 and adds what comes of it as whole matrices, which takes a third
of a bfloat16 step; here the adapter's float32 weights are rounded for the product alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer


def fuse(model: PeftModel) -> PeftModel:
    """Have every adapted linear of a model add its adapter so; weights and names stay peft's."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.forward = partial(_forward, module)
    return model


def _forward(module: Any, given: torch.Tensor) -> torch.Tensor:
    base = module.get_base_layer()
    if module.disable_adapters or module.merged:
        found: torch.Tensor = base(given)
        return found
    (name,) = module.active_adapters
    # In rows, so that what the base gives is a matrix of its own, and may be added to in place.
    rows = given.reshape(-1, given.shape[-1])
    found = _Added.apply(  # type: ignore[no-untyped-call]
        base(rows),
        rows,
        module.lora_A[name].weight,
        module.lora_B[name].weight,
        module.scaling[name],
    )
    return found.view(*given.shape[:-1], -1)


class _Added(torch.autograd.Function):
    """(n, out) += scale · (n, in) · Aᵀ · Bᵀ, with gradients of all four."""

    @staticmethod
    def forward(
        ctx: Any,
        found: torch.Tensor,
        rows: torch.Tensor,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        narrow = (rows @ down.to(rows.dtype).T).mul_(scale)
        found.addmm_(narrow, up.to(rows.dtype).T)
        ctx.mark_dirty(found)
        ctx.save_for_backward(rows, down, up, narrow)
        ctx.scale = scale
        return found

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, down, up, narrow = ctx.saved_tensors
        (out,) = given
        back = (out @ up.to(out.dtype)).mul_(ctx.scale)
        return (
            out,
            back @ down.to(out.dtype) if ctx.needs_input_grad[1] else None,
            (back.T @ rows).to(down.dtype),
            (out.T @ narrow).to(up.dtype),
            None,
        )
