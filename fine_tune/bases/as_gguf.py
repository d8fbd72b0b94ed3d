"""A base's directory as one GGUF file, so that llama.cpp can serve it.

A base in Hugging Face's layout comes in, a file goes out, whole or not at all: its matrices in
float16, its norms in float32, its words and merges as its tokenizer has them. It is for bases whose
tokenizer reads bytes (Qwen); who serves the file is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from gguf import MODEL_ARCH, GGUFWriter, TensorNameMap, TokenType, get_tensor_name_map
from safetensors import safe_open

from fine_tune.bases.base import TEMPLATE, Base
from fine_tune.bases.gguf_file import gguf_file
from finmodel.errors import BadInput

_KINDS: Final = {"qwen2": MODEL_ARCH.QWEN2, "qwen3": MODEL_ARCH.QWEN3}
"""Whose rows llama.cpp keeps in the order of transformers."""


def write_base_gguf(base: Base, target: Path) -> Path:
    """The base as GGUF; BadInput where llama.cpp could not read what would be written."""
    config = _read(base.folder / "config.json")
    tokenizer = _read(base.folder / "tokenizer.json")
    _require_known(base, tokenizer)
    names = get_tensor_name_map(_KINDS[base.model_type], config["num_hidden_layers"])
    with gguf_file(target, base.model_type) as writer:
        _shape(writer, config)
        _words(writer, tokenizer, config)
        writer.add_chat_template((base.folder / TEMPLATE).read_text("utf-8"))
        for name, values in _tensors(base, names):
            writer.add_tensor(name, values)
    return target


def _require_known(base: Base, tokenizer: Mapping[str, Any]) -> None:
    bytewise = (tokenizer.get("decoder") or {}).get("type") == "ByteLevel"
    if base.model_type not in _KINDS or not bytewise or not (base.folder / TEMPLATE).is_file():
        raise BadInput(
            f"a {base.model_type} with this tokenizer is not written as GGUF here",
            where=str(base.folder),
            remedy="add the base's own GGUF: finmodel base add FILE.gguf",
        )


def _shape(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or config
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])


def _words(writer: GGUFWriter, tokenizer: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Words by number; numbers without a word get one that nobody can write."""
    size = config["vocab_size"]
    words = [f"[unused {number}]" for number in range(size)]
    kinds = [TokenType.UNUSED] * size
    for word, number in tokenizer["model"]["vocab"].items():
        words[number], kinds[number] = word, TokenType.NORMAL
    for one in tokenizer["added_tokens"]:
        words[one["id"]] = one["content"]
        kinds[one["id"]] = TokenType.CONTROL if one["special"] else TokenType.USER_DEFINED
    merges = tokenizer["model"]["merges"]
    writer.add_vocab_size(size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")  # of no weight: prompts come as numbers
    writer.add_token_list(words)
    writer.add_token_types(kinds)
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    ends = config["eos_token_id"]
    writer.add_eos_token_id(ends[0] if isinstance(ends, list) else ends)
    writer.add_add_bos_token(False)


def _tensors(base: Base, names: TensorNameMap) -> Iterator[tuple[str, Any]]:
    """Weights under llama.cpp's names."""
    for path in base.weights:
        with safe_open(path, "pt") as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                name = names.get_name(key, try_suffixes=(".weight", ".bias"))
                if name is None:
                    raise BadInput(
                        f"llama.cpp has no place for {key!r}",
                        where=str(base.folder),
                        remedy="add the base's own GGUF: finmodel base add FILE.gguf",
                    )
                values = file.get_tensor(key)
                dtype = torch.float16 if values.ndim == 2 else torch.float32
                yield name, values.to(dtype).numpy()


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
