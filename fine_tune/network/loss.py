"""The loss of the tokens that are learnt, through a head that is not.

Hidden states of the learnt tokens and their targets come in, the weighted negative log-likelihood
goes out: of all, or of each group of tokens. The head is frozen, so its gradient is never made; the
gradient of the hidden states is taken on the way forward, chunk by chunk, so that no logits outlive
their chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch

CHUNK: Final = 1024
"""Rows whose logits are in memory at once."""
PIECE: Final = 8192
"""Words of the head that are cast at once, where it is kept in another dtype than is computed."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which group each of m tokens belongs to."""

    of: torch.Tensor
    """(m,) numbers from 0 on."""
    count: int


_Nothing = tuple[None, None, None, None]


class _FrozenHead(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        head: torch.Tensor,
        target: torch.Tensor,
        weight: torch.Tensor,
        groups: Groups | None,
    ) -> torch.Tensor:
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        size = () if groups is None else (groups.count,)
        total = torch.zeros(size, dtype=exact(hidden.dtype), device=hidden.device)
        for begin in range(0, len(hidden), CHUNK):
            rows = slice(begin, begin + CHUNK)
            logits = logits_of(hidden[rows], head).to(total.dtype)
            picked = logits.gather(1, target[rows, None]).squeeze(1)
            # logsumexp would hold a second copy of the logits, and take each exponential twice.
            top = logits.amax(dim=1)
            share = logits.sub_(top[:, None]).exp_()
            norm = share.sum(dim=1)
            losses = (norm.log() + top - picked) * weight[rows]
            if groups is None:
                total += losses.sum()
            else:
                total.index_add_(0, groups.of[rows], losses)
            if gradient is not None:
                share.mul_((weight[rows] / norm)[:, None])
                share.scatter_add_(1, target[rows, None], -weight[rows, None].to(share.dtype))
                back_through(share.to(hidden.dtype), head, gradient[rows])
        ctx.save_for_backward(gradient)
        ctx.groups = groups
        return total

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, *_Nothing]:
        (gradient,) = ctx.saved_tensors
        if gradient is None:
            return None, None, None, None, None
        scale = given[0].to(gradient.dtype)
        if ctx.groups is not None:
            # A group's sum is linear in its rows: what a loss makes of it scales them afterwards.
            scale = scale[ctx.groups.of, None]
        return gradient * scale, None, None, None, None


def frozen_head_loss(
    hidden: torch.Tensor, head: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Σ weight × negative log-likelihood of (m,) targets after (m, d) hidden states; a scalar.

    `head` is (vocabulary, d) and gets no gradient; where it is kept in a narrower dtype than the
    hidden states it is cast piece by piece. Computed in float32 at least.
    """
    found: torch.Tensor = _FrozenHead.apply(hidden, head, target, weight, None)  # type: ignore[no-untyped-call]
    return found


def frozen_head_losses(
    hidden: torch.Tensor,
    head: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor,
    groups: Groups,
) -> torch.Tensor:
    """(count,) the same for each group of tokens; what a loss makes of them may bend as it will."""
    found: torch.Tensor = _FrozenHead.apply(hidden, head, target, weight, groups)  # type: ignore[no-untyped-call]
    return found


def exact(dtype: torch.dtype) -> torch.dtype:
    """What logits of a dtype are computed in: float32 at least."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def logits_of(hidden: torch.Tensor, head: torch.Tensor) -> torch.Tensor:
    """(m, vocabulary) logits, through a head that may be kept in a narrower dtype."""
    if head.dtype == hidden.dtype:
        return hidden @ head.T
    found = hidden.new_empty(len(hidden), len(head))
    for begin in range(0, len(head), PIECE):
        words = slice(begin, begin + PIECE)
        torch.mm(hidden, head[words].to(hidden.dtype).T, out=found[:, words])
    return found


def back_through(share: torch.Tensor, head: torch.Tensor, out: torch.Tensor) -> None:
    """Write the gradient of hidden states, of that of their logits, into `out`."""
    if head.dtype == share.dtype:
        torch.mm(share, head, out=out)
        return
    out.zero_()
    for begin in range(0, len(head), PIECE):
        words = slice(begin, begin + PIECE)
        out.addmm_(share[:, words], head[words].to(share.dtype))
