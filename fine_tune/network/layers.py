"""Decoder layers: which are computed again on the way back, and whether they are compiled.

A model and a number come in; that many layers, the first ones, keep only what enters them. Losses
and gradients stay the same. Knows nothing of how much memory there is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from peft import PeftModel
from torch.utils.checkpoint import checkpoint

# Nothing is drawn in a layer (no dropout), so no state of a generator has to be kept.
_again = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)


def decoder(model: Any) -> Any:
    """The stack of layers inside a causal model, with an adapter or without."""
    whole: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    return whole.model


def recompute(model: Any, count: int) -> int:
    """Compute the first `count` layers again on the way back; how many they are (at most all).

    The last ones are left whole: they are the first that the way back gives free, so that no
    layer is computed again beside the activations of one that was kept.
    """
    layers = decoder(model).layers
    for number, layer in enumerate(layers):
        layer.gradient_checkpointing = number < count
        layer._gradient_checkpointing_func = _again
    return min(count, len(layers))


def compile_layers(model: Any, backend: str | Callable[..., Any] = "inductor") -> None:
    """Compile each decoder layer by itself: all are one code, compiled once, and attention is not.

    On a GPU what stands between the products (norms, rotations, gates) becomes a few kernels; on a
    CPU it pays little (a fourteenth of a small model's step) and takes minutes.
    """
    for layer in decoder(model).layers:
        layer.compile(dynamic=True, backend=backend)
