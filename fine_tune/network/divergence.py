"""How far a model has left its base on the same words, through the head that both share.

Hidden states of the model and of its base come in, the divergence of what they say next goes out,
over all words of the vocabulary. As with the loss, the gradient is taken on the way forward, so
that no logits outlive their chunk; the base's side gets none.
"""

from __future__ import annotations

from typing import Any, Final

import torch

from fine_tune.network.loss import back_through, exact, logits_of

CHUNK: Final = 256
"""Rows whose logits, of both, are in memory at once."""


class _FromBase(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, taught: torch.Tensor, head: torch.Tensor
    ) -> torch.Tensor:
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        total = torch.zeros((), dtype=exact(hidden.dtype), device=hidden.device)
        for begin in range(0, len(hidden), CHUNK):
            rows = slice(begin, begin + CHUNK)
            mine = logits_of(hidden[rows], head).to(total.dtype).log_softmax(dim=1)
            base = logits_of(taught[rows], head).to(total.dtype).log_softmax(dim=1)
            share = base.exp()
            total += (share * (base - mine)).sum()
            if gradient is not None:
                back_through(mine.exp_().sub_(share).to(hidden.dtype), head, gradient[rows])
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, None, None]:
        (gradient,) = ctx.saved_tensors
        if gradient is None:
            return None, None, None
        return gradient * given[0].to(gradient.dtype), None, None


def frozen_head_divergence(
    hidden: torch.Tensor, taught: torch.Tensor, head: torch.Tensor
) -> torch.Tensor:
    """Σ KL(base ‖ model) over (m, d) hidden states and those of the base at the same places.

    In nats; a scalar with the gradient of `hidden` alone. Kullback and Leibler, Annals of
    Mathematical Statistics 22 (1951); as a hold on a tuned model: Li and Hoiem, Learning without
    Forgetting, ECCV 2016.
    """
    found: torch.Tensor = _FromBase.apply(hidden, taught, head)  # type: ignore[no-untyped-call]
    return found
