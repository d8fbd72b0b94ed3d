"""The loss of the tokens that are learnt, through a head that is not.

Hidden states of the learnt tokens and their targets come in, the weighted negative log-likelihood
goes out. The head is frozen, so its gradient is never made; the gradient of the hidden states is
taken on the way forward, chunk by chunk, so that no logits outlive their chunk.
"""

from __future__ import annotations

from typing import Any, Final

import torch

CHUNK: Final = 1024
"""Rows whose logits are in memory at once."""


class _FrozenHead(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        head: torch.Tensor,
        target: torch.Tensor,
        weight: torch.Tensor,
    ) -> torch.Tensor:
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        total = torch.zeros((), dtype=_exact(hidden.dtype), device=hidden.device)
        for begin in range(0, len(hidden), CHUNK):
            rows = slice(begin, begin + CHUNK)
            logits = (hidden[rows] @ head.T).to(total.dtype)
            picked = logits.gather(1, target[rows, None]).squeeze(1)
            norm = logits.logsumexp(dim=1)
            total += ((norm - picked) * weight[rows]).sum()
            if gradient is not None:
                share = logits.sub_(norm[:, None]).exp_().mul_(weight[rows, None])
                share.scatter_add_(1, target[rows, None], -weight[rows, None].to(share.dtype))
                torch.mm(share.to(hidden.dtype), head, out=gradient[rows])
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        scaled = None if gradient is None else gradient * given[0].to(gradient.dtype)
        return scaled, None, None, None


def frozen_head_loss(
    hidden: torch.Tensor, head: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Σ weight × negative log-likelihood of (m,) targets after (m, d) hidden states; a scalar.

    `head` is (vocabulary, d) and gets no gradient. Computed in float32 at least.
    """
    found: torch.Tensor = _FrozenHead.apply(hidden, head, target, weight)  # type: ignore[no-untyped-call]
    return found


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32
