"""An adapter for others: a GGUF that llama.cpp lays over the same base, or a base with it inside.

An adapter's directory as PEFT keeps it comes in, a file or a directory goes out, whole or not at
all. llama.cpp scales an adapter by alpha / rank; what rsLoRA scales otherwise is told as another
alpha.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import torch
from peft import PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file

from fine_tune.bases.base import Base
from fine_tune.bases.gguf_file import gguf_file
from fine_tune.bases.weights import save_weights
from fine_tune.network.model import load_base
from finmodel.durable import made_aside
from finmodel.errors import BadInput, Damaged, NotFound

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
_KEY: Final = re.compile(
    r"^base_model\.model\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_([AB])\.weight$"
)
_NAMES: Final = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip
"""Linear layers as llama.cpp calls them."""
_HEADS: Final[Mapping[str, Mapping[str, str]]] = {
    "qwen2": {},
    "qwen3": {},
    "llama": {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"},
}
"""Architectures that llama.cpp reads, and those of their linears whose rows it keeps in another
order than transformers, each with how many heads it has."""


class Config(msgspec.Struct, frozen=True):
    """What PEFT says of an adapter."""

    r: int
    lora_alpha: float
    use_rslora: bool = False
    peft_type: str = "LORA"

    @property
    def scale(self) -> float:
        """What the adapter's product is multiplied with."""
        return self.lora_alpha / (math.sqrt(self.r) if self.use_rslora else self.r)


def read_config(adapter: Path) -> Config:
    """An adapter's configuration; NotFound where the directory holds none."""
    try:
        return msgspec.json.decode((adapter / CONFIG).read_bytes(), type=Config)
    except FileNotFoundError as error:
        raise NotFound(
            f"it has no {CONFIG}", where=str(adapter), remedy="name an adapter's directory"
        ) from error
    except msgspec.MsgspecError as error:
        raise Damaged("it says of no adapter", where=str(adapter / CONFIG)) from error


def write_gguf(adapter: Path, base: Base, target: Path) -> Path:
    """An adapter as one GGUF file for llama.cpp; BadInput for what it cannot lay over its base."""
    return write_gguf_over(adapter, base.model_type, _heads(base), target)


def write_gguf_over(adapter: Path, kind: str, heads: Mapping[str, int], target: Path) -> Path:
    """The same over a base of this kind, of which no more need be here."""
    config = read_config(adapter)
    if config.peft_type != "LORA" or kind not in _HEADS:
        raise BadInput(
            f"a {config.peft_type} of a {kind} cannot be written as GGUF here",
            where=str(adapter),
            remedy=f"export it as peft or merged; GGUF is for LoRA on: {', '.join(_HEADS)}",
        )
    with gguf_file(target, kind) as writer:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        # llama.cpp divides by the rank.
        writer.add_float32("adapter.lora.alpha", config.scale * config.r)
        for name, values in _tensors(adapter, heads).items():
            writer.add_tensor(name, values.numpy())
    return target


def write_merged(adapter: Path, base: Base, target: Path) -> Path:
    """The base with the adapter inside, as a base's directory in float16, norms in float32."""
    read_config(adapter)
    whole = load_base(base.folder, torch.float32)
    if getattr(whole, "is_loaded_in_4bit", False):
        raise BadInput(
            "its base is kept in four bits, into which nothing can be merged",
            where=str(base.folder),
            remedy="name the same base in whole numbers, or export the adapter as peft",
        )
    with made_aside(target) as aside:
        aside.mkdir()
        model = PeftModel.from_pretrained(whole, adapter)
        save_weights(model.merge_and_unload(), aside)
        for path in base.folder.iterdir():
            if path.is_file() and ".safetensors" not in path.name:  # nor their index
                shutil.copyfile(path, aside / path.name)
    return target


def _heads(base: Base) -> dict[str, int]:
    """How many heads each linear has whose rows llama.cpp keeps in another order."""
    told = json.loads((base.folder / "config.json").read_text())
    heads = told["num_attention_heads"]
    return {name: told.get(key) or heads for name, key in _HEADS.get(base.model_type, {}).items()}


def _tensors(adapter: Path, heads: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """An adapter's matrices under llama.cpp's names, in its order."""
    try:
        kept = load_file(adapter / WEIGHTS)
    except FileNotFoundError as error:
        raise NotFound(f"it has no {WEIGHTS}", where=str(adapter)) from error
    except SafetensorError as error:
        raise Damaged("its weights cannot be read", where=str(adapter / WEIGHTS)) from error
    found = {}
    for key, values in kept.items():
        told = _KEY.match(key)
        if told is None or told[2] not in _NAMES:
            raise BadInput(
                f"llama.cpp has no place for {key!r}",
                where=str(adapter),
                remedy="tune linear layers alone, or export it as peft or merged",
            )
        if told[3] == "B" and told[2] in heads:
            values = _in_pairs(values, heads[told[2]])
        name = f"blk.{told[1]}.{_NAMES[told[2]]}.weight.lora_{told[3].lower()}"
        found[name] = values.float().contiguous()
    return found


def _in_pairs(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """(out, r) with what a rotation turns together side by side, not half a head apart.

    >>> _in_pairs(torch.tensor([[0], [1], [2], [3]]), 1).flatten().tolist()
    [0, 2, 1, 3]
    """
    return rows.reshape(heads, 2, len(rows) // heads // 2, -1).transpose(1, 2).reshape(rows.shape)
