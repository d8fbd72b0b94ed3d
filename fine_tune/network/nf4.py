"""A frozen base in four bits a weight: how it is asked for, and how a CPU multiplies by it.

A dtype comes in, bitsandbytes' configuration goes out. On a CPU its kernel writes a whole matrix
out in full for every product; here a panel of rows is unpacked into one small buffer that is
multiplied while it is still in the cache, on the way forward and on the way back.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
import torch
from bitsandbytes.functional import dequantize_blockwise
from bitsandbytes.nn.modules import Linear4bit
from numba import njit, prange
from transformers import BitsAndBytesConfig

PANEL: Final = 1 << 21
"""Weights that are unpacked at once: 8 MiB in float32."""


def quantisation(dtype: torch.dtype) -> BitsAndBytesConfig:
    """NF4 with its scales in eight bits (QLoRA), multiplied in a dtype."""
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def take_panels(model: Any) -> None:
    """Have the four-bit linears of a model on the CPU multiply by panels."""
    for module in model.modules():
        if isinstance(module, Linear4bit) and module.weight.device.type == "cpu":
            module.forward = partial(_forward, module)  # type: ignore[method-assign]


def unpacked(weight: Any) -> torch.Tensor:
    """(out, in) float32 weights of a four-bit parameter."""
    panels = _Panels(weight)
    found = torch.empty(panels.shape)
    for rows, part in panels:
        found[rows] = part
    return found


def _forward(module: Any, given: torch.Tensor) -> torch.Tensor:
    rows = given.reshape(-1, given.shape[-1])
    found: torch.Tensor = _Product.apply(rows.float(), module.weight)  # type: ignore[no-untyped-call]
    if module.bias is not None:
        found = found + module.bias.to(found.dtype)
    found = found.to(given.dtype)
    # Rows stay a matrix of their own, no view: an adapter is added to them in place.
    return found if given.dim() == 2 else found.reshape(*given.shape[:-1], -1)


class _Product(torch.autograd.Function):
    """(n, in) by a frozen four-bit (out, in): the weights get no gradient, nothing is kept."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weight: Any) -> torch.Tensor:
        ctx.weight = weight
        panels = _Panels(weight)
        found = rows.new_empty(len(rows), panels.shape[0])
        for mine, part in panels:
            torch.mm(rows, part.T, out=found[:, mine])
        return found

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor, None]:
        panels = _Panels(ctx.weight)
        found = given[0].new_zeros(len(given[0]), panels.shape[1])
        for mine, part in panels:
            found.addmm_(given[0][:, mine], part)
        return found, None


class _Panels:
    """The rows of a four-bit matrix, so many at a time, in a buffer that each panel overwrites."""

    def __init__(self, weight: Any) -> None:
        state = weight.quant_state
        self.shape: tuple[int, int] = tuple(state.shape)
        self.block = int(state.blocksize)
        self.codes = weight.detach().numpy().reshape(-1).view(np.uint8)
        scale = state.absmax
        if state.nested:
            scale = dequantize_blockwise(scale, state.state2) + state.offset
        self.scale = scale.float().numpy()
        low, high = np.meshgrid(state.code.numpy(), state.code.numpy())
        self.pairs = np.stack([high, low], axis=2).reshape(256, 2).astype(np.float32)

    def __iter__(self) -> Any:
        tall, wide = self.shape
        # A panel begins where a block does: rows of a width that no block divides come together.
        step = max(PANEL // wide, 1)
        step = -(-step // self.block) * self.block
        buffer = np.empty(min(step, tall) * wide, np.float32)
        for begin in range(0, tall, step):
            end = min(begin + step, tall)
            out = buffer[: (end - begin) * wide]
            first = begin * wide
            _unpack(
                self.codes[first // 2 : -(-end * wide // 2)],
                self.scale[first // self.block :],
                self.pairs,
                self.block,
                out,
            )
            yield slice(begin, end), torch.from_numpy(out).view(end - begin, wide)


def _unpack_blocks(codes: Any, scale: Any, pairs: Any, block: int, out: Any) -> None:
    """Two weights a byte, the first in its high half; a scale for each block."""
    for number in prange(-(-len(out) // block)):
        factor = scale[number]
        for at in range(number * block, min((number + 1) * block, len(out) - 1), 2):
            pair = codes[at // 2]
            out[at] = pairs[pair, 0] * factor
            out[at + 1] = pairs[pair, 1] * factor
    if len(out) % 2:
        out[-1] = pairs[codes[-1], 0] * scale[(len(out) - 1) // block]


_unpack: Final[Any] = njit(parallel=True, cache=True, fastmath=False)(_unpack_blocks)
