"""An adapter in llama.cpp says what it says in transformers, and a merged base says it alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import xllamacpp
from peft import PeftModel
from transformers import AutoModelForCausalLM

from fine_tune.bases.base import Base, open_base
from fine_tune.bases.unpack import unpack
from fine_tune.bases.weights import save_weights
from fine_tune.network.model import load_base, with_adapter
from fine_tune.recipe import Adapter
from fine_tune.training.export import CONFIG, WEIGHTS, write_gguf, write_merged
from finmodel.assistant.template import FAMILIES
from finmodel.errors import BadInput, Damaged, NotFound
from tests.fine_tune.small_model import qwen2_gguf
from tests.fine_tune.small_tokenizers import as_gguf, llama2

PROMPT = [0, 5, 9, 2, 30, 41, 17]


@pytest.fixture(scope="module", params=[True, False], ids=["rank-stabilised", "plain"])
def made(request, tmp_path_factory):
    """A GGUF, the same base to train, and an adapter of it with weights that say something."""
    folder = tmp_path_factory.mktemp("export")
    gguf = folder / "base.gguf"
    qwen2_gguf(gguf, np.random.default_rng(1))
    base = open_base(unpack(gguf, folder / "base"))
    adapter = Adapter(rank=4, alpha=6, rank_stabilised=request.param)
    model = with_adapter(load_base(base.folder, torch.float32), adapter, seed=3)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(0, 0.2)
    model.save_pretrained(folder / "adapter")
    return folder, gguf, base


def logprobs(base, adapter):
    """(v,) of the token after the prompt, as transformers and PEFT have them."""
    model = load_base(base.folder, torch.float32)
    model.set_attn_implementation("eager")
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    with torch.no_grad():
        return model(torch.tensor([PROMPT])).logits[0, -1].log_softmax(dim=0).numpy()


def served(gguf, adapter):
    """Token numbers and logprobs of the likeliest next tokens, as llama.cpp has them."""
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = str(gguf), 128, 1
    params.cpuparams.n_threads = 1
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(params)
    told = server.handle_completions(
        {"prompt": PROMPT, "max_tokens": 1, "n_probs": 20, "logprobs": 20, "temperature": 0.0}
    )
    top = told["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return [one["id"] for one in top], [one["logprob"] for one in top]


def test_llama_cpp_lays_the_adapter_over_its_base_as_peft_does(made):
    folder, gguf, base = made
    path = write_gguf(folder / "adapter", base, folder / "adapter.gguf")
    bare, tuned = logprobs(base, None), logprobs(base, folder / "adapter")
    assert np.abs(bare - tuned).max() > 0.1, "the adapter says nothing"
    for expected, adapter in ((bare, None), (tuned, path)):
        tokens, told = served(gguf, adapter)
        assert tokens[0] == int(expected.argmax())
        np.testing.assert_allclose(told, expected[tokens], atol=1e-2)


def test_a_llama_whose_heads_llama_cpp_keeps_in_another_order_says_the_same(tmp_path):
    """transformers puts a llama's GGUF back into its own order: it is the judge."""
    gguf = tmp_path / "base.gguf"
    as_gguf(gguf, llama2(), "llama", heads=4, kv_heads=2)
    whole = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="base.gguf")
    whole.config.save_pretrained(tmp_path / "base")
    save_weights(whole, tmp_path / "base")
    base = Base(tmp_path / "base", "llama", FAMILIES["llama2"], ())
    model = with_adapter(load_base(base.folder, torch.float32), Adapter(rank=4, alpha=6), seed=3)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(0, 0.2)
    model.save_pretrained(tmp_path / "adapter")
    path = write_gguf(tmp_path / "adapter", base, tmp_path / "adapter.gguf")
    bare, tuned = logprobs(base, None), logprobs(base, tmp_path / "adapter")
    assert np.abs(bare - tuned).max() > 0.1, "the adapter says nothing"
    for expected, adapter in ((bare, None), (tuned, path)):
        tokens, told = served(gguf, adapter)
        assert tokens[0] == int(expected.argmax())
        np.testing.assert_allclose(told, expected[tokens], atol=1e-2)


def test_a_merged_base_says_what_the_adapter_says(made):
    folder, _, base = made
    merged = open_base(write_merged(folder / "adapter", base, folder / "merged"))
    assert merged.family == base.family
    assert merged.digest != base.digest
    expected = logprobs(base, folder / "adapter")
    np.testing.assert_allclose(logprobs(merged, None), expected, atol=1e-2)


def test_what_is_no_adapter_is_told_and_nothing_is_left(made, tmp_path):
    folder, _, base = made
    with pytest.raises(NotFound, match=f"it has no {CONFIG}"):
        write_gguf(tmp_path, base, tmp_path / "a.gguf")
    with pytest.raises(BadInput, match="a LORA of a gemma3 cannot be written as GGUF"):
        write_gguf(folder / "adapter", replace(base, model_type="gemma3"), tmp_path / "a.gguf")
    (tmp_path / CONFIG).write_text(json.dumps({"r": 4, "lora_alpha": 4}))
    with pytest.raises(NotFound, match=f"it has no {WEIGHTS}"):
        write_gguf(tmp_path, base, tmp_path / "a.gguf")
    (tmp_path / WEIGHTS).write_bytes(b"torn")
    with pytest.raises(Damaged, match="its weights cannot be read"):
        write_gguf(tmp_path, base, tmp_path / "a.gguf")
    (tmp_path / CONFIG).write_text("{")
    with pytest.raises(Damaged, match="it says of no adapter"):
        write_gguf(tmp_path, base, tmp_path / "a.gguf")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CONFIG, WEIGHTS])
