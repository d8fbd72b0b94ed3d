"""The soak's whole road on a small shape: written, loaded, stepped, saved, read back."""

from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit

from fine_tune.network.model import load_base
from fine_tune.network.nf4 import unpacked
from fine_tune.network.random_base import keep_random_base

BENCHES = Path(__file__).parents[3] / "benchmarks"


def shape(kind, tied):
    return {
        "model_type": kind, "num_hidden_layers": 4, "hidden_size": 128, "intermediate_size": 352,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 640,
        "tie_word_embeddings": tied,
    }  # fmt: skip


def test_a_whole_step_of_a_base_in_four_bits_is_taken_kept_and_read_back(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHES))
    from _soak_nf4 import soak

    figures = soak(shape("qwen3", False), tmp_path, again=2, rank=8)
    assert figures["equal"] == 1
    assert figures["adapter_tensors"] == 4 * 7 * 2
    assert figures["moved_tensors"] == 4 * 7, "B is zero before the first step"
    assert figures["loss_after"] < figures["loss"]


@pytest.mark.parametrize(("kind", "tied"), [("qwen2", True), ("llama", False)])
def test_its_weights_are_spread_as_a_bases_are_and_its_ends_are_narrow(kind, tied, tmp_path):
    keep_random_base(shape(kind, tied), tmp_path, 1)
    model = load_base(tmp_path, torch.float32)
    for module in model.modules():
        if isinstance(module, Linear4bit):
            weights = unpacked(module.weight)
            assert 0.01 < weights.std() < 0.04
            assert abs(weights.mean()) < 0.005
    assert model.model.embed_tokens.weight.dtype == torch.bfloat16
    assert (model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()) == tied
