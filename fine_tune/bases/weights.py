"""A model's weights as they are kept: matrices in float16, norms and biases whole.

A model comes in, one safetensors file goes out. float16 is what quantised weights were quantised
with; a norm that lost its last bits would show in every token.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file

FILE: Final = "model.safetensors"
HEAD: Final = "lm_head.weight"


def save_weights(model: Any, folder: Path) -> bool:
    """Write a model's weights; whether it has a head of its own, beside its embedding."""
    state = dict(model.state_dict())
    head, embedding = state.get(HEAD), state["model.embed_tokens.weight"]
    if head is not None and head.data_ptr() == embedding.data_ptr():
        del state[HEAD]
    tensors = {
        name: one.detach().to(torch.float16 if one.dim() > 1 else torch.float32).contiguous()
        for name, one in state.items()
    }
    save_file(tensors, folder / FILE, metadata={"format": "pt"})
    return HEAD in tensors
