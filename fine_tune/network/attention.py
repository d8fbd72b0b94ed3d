"""Attention that never crosses a sample, and within one follows its branches.

A pack's queries, keys and values come in; each sample attends to itself alone, so that no time is
spent on what is masked away. On the CPU every sample is one call of torch's own attention; on a GPU
the same rule goes to flex attention as one block mask. Registered with transformers under `NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

from fine_tune.lessons.pack import Pack
from fine_tune.lessons.samples import TRUNK

NAME: Final = "finmodel_branches"


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Where each sample of a pack lies, and what its tokens may look at."""

    begins: tuple[int, ...]
    masks: tuple[torch.Tensor | None, ...]
    """(n, n) of a sample, or None where each token sees all before it."""
    block: Any = None
    """flex attention's mask of the whole pack, on a GPU."""


def spans_of(pack: Pack, device: torch.device) -> Spans:
    """The spans of a pack."""
    if device.type != "cpu":
        return Spans(pack.begins, (), _block_mask(pack, device))
    masks = tuple(
        None if (one.branch == TRUNK).all() else torch.from_numpy(one.visible())
        for one in pack.samples
    )
    return Spans(pack.begins, masks)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    spans: Spans,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """(1, n, heads, d) what each token attends to; transformers' attention interface."""
    if spans.block is not None:
        found = _flex()(query, key, value, block_mask=spans.block, scale=scaling, enable_gqa=True)
        return found.transpose(1, 2), None
    parts = []
    for number, mask in enumerate(spans.masks):
        mine = slice(spans.begins[number], spans.begins[number + 1])
        parts.append(
            scaled_dot_product_attention(
                query[:, :, mine],
                key[:, :, mine],
                value[:, :, mine],
                attn_mask=mask,
                is_causal=mask is None,
                scale=scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            )
        )
    found = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return found.transpose(1, 2), None


@cache
def _flex() -> Any:
    """flex attention, compiled once for all layers and steps."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention)


def register() -> str:
    """Make transformers know this attention; its name, for `attn_implementation`."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _no_mask)
    return NAME


def _no_mask(*_: Any, **__: Any) -> None:
    """The spans say what is seen."""


def _block_mask(pack: Pack, device: torch.device) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    sees, whole = sight(pack, device)
    return create_block_mask(sees, None, None, whole, whole, device=str(device))


def sight(pack: Pack, device: torch.device) -> tuple[Any, int]:
    """flex attention's rule of who sees whom in a pack, and the pack's length."""
    sample = np.repeat(np.arange(len(pack.samples)), np.diff(pack.begins))
    branch = pack.column("branch")
    fork = np.concatenate([one.forks[one.branch] + begin for one, begin in zip(
        pack.samples, pack.begins[:-1], strict=True)])  # fmt: skip
    of, on, until = (
        torch.from_numpy(x.astype(np.int32)).to(device) for x in (sample, branch, fork)
    )

    def sees(_b: Any, _h: Any, row: Any, column: Any) -> Any:
        trunk = (on[column] == TRUNK) & (column < until[row])
        return (of[row] == of[column]) & (column <= row) & (trunk | (on[row] == on[column]))

    return sees, len(pack)
