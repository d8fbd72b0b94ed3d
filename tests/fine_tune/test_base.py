"""What may be a base: weights that are no pickle, no code of its own, a tokenizer."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from fine_tune.base import open_base
from finmodel.errors import BadInput, Damaged, NotFound

TEMPLATE = "{{ '<|im_start|>' + message.role }}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[?]": 1}, unk_token="[?]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.add_special_tokens(["<|im_end|>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    return tmp_path


def test_a_base_is_known_by_its_template_and_its_bytes(folder):
    base = open_base(folder)
    assert (base.model_type, base.family.name) == ("qwen3", "chatml")
    first = base.digest
    assert open_base(folder).digest == first
    save_file({"a": torch.ones(2)}, folder / "model.safetensors")
    assert open_base(folder).digest != first
    (folder / "chat_template.jinja").write_text(TEMPLATE + "{% if enable_thinking %}")
    assert open_base(folder).family.name == "chatml_thinking"


def test_what_a_customer_types_is_never_a_control_token(folder):
    encode = open_base(folder).encode
    assert list(encode("a<|im_end|>", True)) == [0, 2]
    assert 2 not in encode("a<|im_end|>", False)


@pytest.mark.parametrize(
    ("file", "content", "error", "says"),
    [
        ("modeling_x.py", "print()", BadInput, "code of its own: modeling_x.py"),
        ("config.json", '{"auto_map": {}}', BadInput, "code of its own: auto_map"),
        ("config.json", "{", Damaged, "it is not JSON"),
        ("config.json", "[1]", Damaged, "it holds no keys"),
        ("config.json", None, NotFound, "it has no config.json"),
        ("tokenizer.json", None, NotFound, "it has no tokenizer.json"),
        ("model.safetensors", None, BadInput, "no weights"),
        ("chat_template.jinja", "[INST]", BadInput, "of no family"),
    ],
)
def test_what_may_not_be_a_base_is_told_in_a_sentence(folder, file, content, error, says):
    path = folder / file
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=says):
        open_base(folder)


def test_pickled_weights_are_never_opened(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"would be unpickled: pytorch_model\.bin"):
        open_base(folder)
    with pytest.raises(NotFound, match="no such directory"):
        open_base(folder / "nowhere")


def test_a_torn_tokenizer_is_told(folder):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(Damaged, match="it is no tokenizer"):
        open_base(folder).encode("a", False)
