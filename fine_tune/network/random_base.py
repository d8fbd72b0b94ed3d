"""A base of random weights in four bits, written layer by layer: a stand-in of any size.

A configuration and a folder come in; a directory in Hugging Face's layout goes out, as bitsandbytes
keeps NF4, with a narrow embedding and head. It knows no language: it is for measuring what a step
of such a base takes where the base itself is not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from bitsandbytes.functional import QuantState, get_4bit_type, quantize_blockwise
from safetensors.torch import save_file
from transformers import AutoConfig

from fine_tune.bases.shape import Shape
from fine_tune.network.nf4 import quantisation
from finmodel.progress import Progress, silent, teller

_BLOCK, _SCALES = 64, 256
_SPREAD: Final = 0.02
"""Standard deviation of a weight."""
_BLOCK_MOST: Final = 2.4 * _SPREAD
"""What the largest of 64 such weights is on average."""
_PIECE: Final = 1 << 14


def keep_random_base(
    config: Mapping[str, Any], folder: Path, seed: int, progress: Progress = silent
) -> None:
    """Write the base; a layer at a time is in memory."""
    generator = torch.Generator().manual_seed(seed)
    shape = Shape.of(config)
    files = [f"model-{number:05}.safetensors" for number in range(shape.layers + 1)]
    tell = teller("layers written", len(files), progress)
    where: dict[str, str] = {}
    for number, file in enumerate(files):
        rest = number == shape.layers
        tensors = (
            _ends(shape, config, generator) if rest else _layer(shape, config, number, generator)
        )
        save_file(tensors, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, file)
        del tensors
        tell()
    index = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_bytes(msgspec.json.encode(index))
    _keep_config(config, folder)


def _keep_config(config: Mapping[str, Any], folder: Path) -> None:
    told = dict(config)
    kept = AutoConfig.for_model(told.pop("model_type"), **told)
    kept.quantization_config = quantisation(torch.float32).to_dict()
    kept.save_pretrained(folder)


def _layer(
    shape: Shape, config: Mapping[str, Any], number: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """A layer's tensors: four-bit linears, norms of ones, biases of zeros."""
    found: dict[str, torch.Tensor] = {}
    name = f"model.layers.{number}"
    for linear, (wide, tall) in shape.linears().items():
        part = "mlp" if linear in ("gate_proj", "up_proj", "down_proj") else "self_attn"
        found |= _four_bits(f"{name}.{part}.{linear}.weight", tall, wide, generator)
        if config["model_type"] == "qwen2" and linear in ("q_proj", "k_proj", "v_proj"):
            found[f"{name}.{part}.{linear}.bias"] = torch.zeros(tall)
    for norm in ("input_layernorm", "post_attention_layernorm"):
        found[f"{name}.{norm}.weight"] = torch.ones(shape.hidden)
    if config["model_type"] == "qwen3":
        for norm in ("q_norm", "k_norm"):
            found[f"{name}.self_attn.{norm}.weight"] = torch.ones(shape.head)
    return found


def _four_bits(
    name: str, tall: int, wide: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Random codes: of weights spread normally NF4's sixteen are about equally frequent."""
    size = tall * wide
    codes = torch.randint(0, 256, (size // 2, 1), dtype=torch.uint8, generator=generator)
    scale = torch.rand(-(-size // _BLOCK), generator=generator) * 0.5 + 0.75
    scale *= _BLOCK_MOST
    offset = scale.mean()
    narrow, second = quantize_blockwise(scale - offset, blocksize=_SCALES)
    state = QuantState(  # type: ignore[no-untyped-call]
        absmax=narrow,
        shape=torch.Size((tall, wide)),
        dtype=torch.float32,
        blocksize=_BLOCK,
        code=get_4bit_type("nf4", device="cpu"),  # type: ignore[no-untyped-call]
        quant_type="nf4",
        offset=offset,
        state2=second,
    )
    beside = state.as_dict(packed=True)
    return {name: codes} | {f"{name}.{key}": value.contiguous() for key, value in beside.items()}


def _ends(
    shape: Shape, config: Mapping[str, Any], generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Embedding, last norm, and a head of its own where it is not tied."""
    found = {
        "model.embed_tokens.weight": _narrow(shape, generator),
        "model.norm.weight": torch.ones(shape.hidden),
    }
    if not config.get("tie_word_embeddings", False):
        found["lm_head.weight"] = _narrow(shape, generator)
    return found


def _narrow(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    found = torch.empty(shape.vocabulary, shape.hidden, dtype=torch.bfloat16)
    for begin in range(0, shape.vocabulary, _PIECE):
        rows = found[begin : begin + _PIECE]
        rows.copy_(torch.randn(rows.shape, generator=generator) * _SPREAD)
    return found
