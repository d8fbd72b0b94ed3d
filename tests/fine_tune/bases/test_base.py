"""What may be a base: weights that are no pickle, no code of its own, a tokenizer."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from fine_tune.bases.base import open_base
from fine_tune.judging.evaluate import greedy, lesson_samples
from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import Lesson, Reply
from fine_tune.network.model import Batch, load_base, pack_loss
from finmodel.assistant.template import Message
from finmodel.errors import BadInput, Damaged, NotFound
from tests.fine_tune.small_tokenizers import llama2, published

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
        (
            "config.json",
            '{"model_type": "qwen9"}',
            BadInput,
            "its model_type is 'qwen9', which cannot",
        ),
        ("config.json", "{}", BadInput, "it names no model_type"),
    ],
)
def test_what_may_not_be_a_base_is_told_in_a_sentence(folder, file, content, error, says):
    path = folder / file
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=says):
        open_base(folder)


@pytest.mark.parametrize("name", ["config.json", "chat_template.jinja", "tokenizer_config.json"])
def test_what_is_no_utf_8_is_told_with_its_file(folder, name):
    if name == "tokenizer_config.json":
        (folder / "chat_template.jinja").unlink()
    (folder / name).write_bytes('{"chat_template": "<|im_start|>客服"}'.encode("gbk"))
    with pytest.raises(Damaged, match=rf"{name}: it is not UTF-8 text; save it as UTF-8"):
        open_base(folder)


def test_a_folder_in_a_files_place_is_told(folder):
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()
    with pytest.raises(BadInput, match=r"config\.json: it is a folder, and a file is wanted"):
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


@pytest.mark.parametrize("told", ["its template", "no template"])
def test_llama_2_by_its_path_is_read_as_meta_has_it_and_learnt(tmp_path, told):
    """Its own attention and PyTorch's cross-entropy say what a shared history says here."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32_000, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    llama2().save(str(tmp_path / "tokenizer.json"))
    settings = {"chat_template": published("llama2")} if told == "its template" else {}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    base = open_base(tmp_path)
    assert (base.model_type, base.family.name) == ("llama", "llama2")
    lesson = Lesson(
        "c",
        (Message("system", "客服"), Message("user", "怎么还款"), Message("assistant", "不知道"),
         Message("user", "到底怎么还")),
        (Reply(2, "请在App还"), Reply(4, "请在App「我的」里还款")),
    )  # fmt: skip
    (shared,) = lesson_samples([lesson], base, 256)
    assert shared.branch.any()
    stock = load_base(base.folder, torch.float64)
    stock.set_attn_implementation("sdpa")
    total = 0.0
    for one in lesson_samples([lesson], base, 256, shared=False):
        token = torch.from_numpy(one.token).long()
        with torch.no_grad():
            nll = torch.nn.functional.cross_entropy(
                stock(token[None]).logits[0, :-1], token[1:], reduction="none"
            )
        total += float((nll * torch.from_numpy(one.learnt[1:])).sum())
    model = load_base(base.folder, torch.float64)
    found = pack_loss(model, Batch.of(pack_of([shared]), torch.device("cpu")))
    assert found.item() == pytest.approx(total, rel=1e-8)
    assert isinstance(dict(greedy(model, base, [lesson.messages]))[0], str)


def test_another_base_without_a_template_is_not_guessed(folder):
    (folder / "chat_template.jinja").unlink()
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(BadInput, match="its chat template is of no family"):
        open_base(folder)
