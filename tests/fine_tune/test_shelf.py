"""Bases by name, and a GGUF that becomes a directory with the very logits that it had."""

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from transformers import AutoModelForCausalLM

from fine_tune.base import open_base
from fine_tune.shelf import find_base, shelve, shelved
from fine_tune.unpack import unpack
from finmodel.errors import BadInput, Damaged, NotFound
from tests.fine_tune.small_model import small_base


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    return small_base(tmp_path / "mine", ["你好，请还款"])


def test_a_base_is_found_by_the_name_it_was_given(folder, tmp_path):
    shelf = tmp_path / "shelf"
    said = shelve(shelf, "mine", folder)
    assert find_base(shelf, "mine") == said
    assert said.digest == open_base(folder).digest
    assert [one.name for one in shelved(shelf)] == ["mine"]
    with pytest.raises(NotFound, match=r"no base is called 'other' \(there are: mine\)"):
        find_base(shelf, "other")
    with pytest.raises(BadInput, match=r"'\.\./x' is no name"):
        shelve(shelf, "../x", folder)
    (shelf / "mine.json").write_text("{}")
    with pytest.raises(Damaged, match="it says of no base where it is"):
        find_base(shelf, "mine")


def test_what_is_no_gguf_is_told(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(BadInput, match="it is no GGUF file"):
        unpack(path, tmp_path / "out")
    with pytest.raises(NotFound, match="no such file"):
        unpack(tmp_path / "none.gguf", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def qwen2_gguf(path, rng):
    """A Qwen2 of one layer, written by the library of llama.cpp."""
    words = ["<|im_start|>", "<|im_end|>", *map(chr, range(0x21, 0x7F)), "!!"]
    width, heads, inner, head = 32, 2, 48, 16
    writer = GGUFWriter(path, "qwen2")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words)
    writer.add_token_types([3, 3, *([1] * (len(words) - 2))])
    writer.add_token_merges(["! !"])
    writer.add_eos_token_id(1)
    writer.add_chat_template("{{ '<|im_start|>' + messages[0].role }}")
    shapes = {
        "token_embd": (len(words), width), "output": (len(words), width), "output_norm": (width,),
        "blk.0.attn_norm": (width,), "blk.0.ffn_norm": (width,),
        "blk.0.ffn_up": (inner, width), "blk.0.ffn_gate": (inner, width),
        "blk.0.ffn_down": (width, inner), "blk.0.attn_output": (width, width),
    }  # fmt: skip
    for part in "qkv":
        shapes[f"blk.0.attn_{part}"] = (heads * head, width)
    tensors = {f"{k}.weight": rng.normal(0, 0.3, s).astype(np.float16) for k, s in shapes.items()}
    tensors |= {f"blk.0.attn_{p}.bias": np.zeros(width, np.float32) for p in "qkv"}
    for name, values in tensors.items():
        norm = "norm" in name
        writer.add_tensor(name, values.astype(np.float32) + 1 if norm else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_becomes_a_directory_with_the_same_logits(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "small.gguf"
    qwen2_gguf(path, np.random.default_rng(1))
    folder = unpack(path, tmp_path / "out")
    base = open_base(folder)
    assert (base.model_type, base.family.name) == ("qwen2", "chatml")
    assert base.encode("<|im_end|>", True) == [1]
    token = torch.tensor([[0, 5, 9, 2, 1]])
    with torch.no_grad():
        mine = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(token).logits
        theirs = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32
        )(token).logits
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-4)
