"""A base in four bits: whether it is kept so, and what a product by it takes beside its codes.

A configuration, a shape and a row come in; bytes go out. A CPU unpacks a panel of rows at a time
and multiplies in float32 (network/nf4.py); a card unpacks a whole matrix (bitsandbytes).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open

from fine_tune.bases.shape import Shape

A_WEIGHT: Final = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes a weight in NF4: its code, its block's scale, and the scale of 256 scales."""
ENDS: Final = "embedding_dtype"
"""What is put to the configuration of a base that is kept in four bits: the dtype that its
embedding and its head are kept in, and stay in whatever is computed in."""
_EMBEDDING: Final = "model.embed_tokens.weight"
_DTYPES: Final = {"F32": "float32", "BF16": "bfloat16", "F16": "float16", "F64": "float64"}
_SCALES: Final = 3 * 4 / 64
"""Bytes a weight of scales that are unpacked for a product: three float32 for a block of 64."""


def kept_in_four_bits(config: Mapping[str, Any]) -> bool:
    """Whether a base's own files hold its linears in four bits, whatever a recipe says.

    >>> kept_in_four_bits({"quantization_config": {"load_in_4bit": True}}), kept_in_four_bits({})
    (True, False)
    """
    told = config.get("quantization_config") or {}
    return bool(told.get("load_in_4bit") or told.get("_load_in_4bit"))


def kept_ends(folder: Path) -> dict[str, str]:
    """What the headers of a base's files say of the dtype of its embedding; none of no weights."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="np") as file:
            if _EMBEDDING in file.keys():  # noqa: SIM118 -- it is no mapping
                told = _DTYPES.get(file.get_slice(_EMBEDDING).get_dtype())
                return {ENDS: told} if told else {}
    return {}


def unpacked_beside(shape: Shape, tokens: int, dtype: torch.dtype, *, on_cpu: bool) -> int:
    """Bytes that a product of a row takes beside its input, its output and the codes."""
    linears = shape.linears().values()
    largest = max(wide * tall for wide, tall in linears)
    if not on_cpu:
        return largest * dtype.itemsize
    from fine_tune.network.nf4 import PANEL  # brings compilers, which a whole base never asks for

    # What is not float32 is copied to it: what goes into a product, and what comes out.
    copies = 0 if dtype == torch.float32 else 4 * tokens * max(map(sum, linears))
    return 4 * PANEL + int(_SCALES * largest) + copies
