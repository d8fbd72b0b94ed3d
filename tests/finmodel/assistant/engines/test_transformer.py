"""transformers as an engine, against its own `generate`, and held to words and slots."""

import dataclasses
from types import SimpleNamespace
from unicodedata import numeric

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from peft import PeftModel
from transformers import AutoModelForCausalLM

from finmodel.assistant.encoder import Encoder
from finmodel.assistant.engines.batch import write_many, write_tokens
from finmodel.assistant.engines.engine import Asked, Laid, Spoken, write
from finmodel.assistant.engines.transformer import open_transformer
from finmodel.assistant.slots import places
from finmodel.assistant.suggesting.grammar import SlottedLine
from finmodel.assistant.template import FAMILIES, Message
from finmodel.errors import BadInput, NotFound
from tests.fine_tune.small_tokenizers import qwen
from tests.finmodel.assistant.engines.small_engines import ASKED


@pytest.fixture(scope="module")
def engine(made):
    both = {"first": made.peft, "second": made.peft}
    return open_transformer(made.base.folder, made.base.spoken, both)


def generated(made, adapter):
    """What stock transformers writes after the same tokens."""
    model = AutoModelForCausalLM.from_pretrained(made.base.folder, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, made.peft.path) if adapter else model
    given = torch.tensor([made.base.spoken.prompt(ASKED)])
    stop = made.base.encode("<|im_end|>", True)[0]
    out = model.generate(
        input_ids=given, attention_mask=torch.ones_like(given), do_sample=False,
        max_new_tokens=ASKED.most, eos_token_id=stop, pad_token_id=stop,
    )  # fmt: skip
    return made.base.encode.decode(out[0, given.shape[1] :].tolist())


def test_it_writes_what_generate_writes_with_each_adapter(made, engine):
    tuned = generated(made, adapter=True)
    assert write(engine, dataclasses.replace(ASKED, adapter="first")) == tuned
    assert write(engine, dataclasses.replace(ASKED, adapter="second")) == tuned
    assert write(engine, ASKED) == generated(made, adapter=False) != tuned


def test_many_are_written_at_once_as_each_is_alone(made):
    model = AutoModelForCausalLM.from_pretrained(made.base.folder, dtype=torch.float64)
    spoken = made.base.spoken
    words = ("when?", "how much is due, and when?", "be kind", "why")
    asked = [
        dataclasses.replace(ASKED, messages=(*ASKED.messages, Message("user", text)), most=most)
        for text, most in zip(words, (9, 30, 14, 22), strict=True)
    ]
    alone = [list(write_tokens(model, spoken, one)) for one in asked]
    assert sorted(write_many(model, spoken, asked)) == list(enumerate(alone))
    assert len({len(spoken.prompt(one)) for one in asked}) == 4, "none is filled"
    assert len(set(map(tuple, alone))) == 4
    assert list(write_many(model, spoken, asked[1:2])) == [(0, alone[1])]


def test_sampling_is_seeded_and_a_cancelled_reply_leaves_the_engine_free(engine):
    warm = dataclasses.replace(ASKED, temperature=1.5, seed=4)
    assert write(engine, warm) == write(engine, warm)
    assert write(engine, warm) != write(engine, dataclasses.replace(warm, seed=5))
    pieces = engine.stream(warm)
    next(pieces)
    pieces.close()
    assert write(engine, ASKED)


def test_what_it_cannot_do_is_a_sentence(made, engine):
    with pytest.raises(NotFound, match="no adapter is called 'third'"):
        write(engine, dataclasses.replace(ASKED, adapter="third"))
    with pytest.raises(BadInput, match="it holds to no grammar"):
        write(engine, dataclasses.replace(ASKED, grammar="root ::= [a-z]"))
    with pytest.raises(BadInput, match="belongs to another base"):
        open_transformer(made.base.folder, made.base.spoken, {"x": Laid(made.peft.path, "e" * 64)})


SLOTS = ("amount_due", "due_date")


def figures(text):
    """Signs of numbers but Chinese characters, and what opens a tag or a line."""
    numbers = (one for one in text if numeric(one, None) is not None or one in "<>|%\n")
    return [one for one in numbers if not "\u3400" <= one <= "\u9fff"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.7, 2.0, 6.0]), st.sampled_from([SLOTS, ()]))
def test_a_model_of_random_weights_writes_figures_only_as_slots(engine, seed, temperature, slots):
    asked = dataclasses.replace(ASKED, temperature=temperature, seed=seed)
    line = SlottedLine(slots)
    held = write(engine, dataclasses.replace(asked, wording=line))
    assert figures(held) == []
    assert line.begins(held)
    assert {name for name, _, _ in places(held)} <= set(slots)


def test_what_holds_it_is_needed_and_what_need_not_be_held_is_as_it_was(engine):
    free, kept = [], []
    for seed in range(12):
        asked = dataclasses.replace(ASKED, temperature=3.0, seed=seed)
        free += figures(write(engine, asked))
        kept += [write(engine, dataclasses.replace(asked, wording=SlottedLine(SLOTS)))]
    assert len(free) > 12
    assert any("{amount_due}" in one or "{due_date}" in one for one in kept)
    anything = SimpleNamespace(begins=lambda _: True, ends=lambda _: True)
    assert write(engine, dataclasses.replace(ASKED, wording=anything)) == write(engine, ASKED)


class Wanting(torch.nn.Module):
    """A model that wants to write these tokens whatever stands there, and else any, by its seed."""

    def __init__(self, tokens, vocabulary, seed):
        super().__init__()
        chance = torch.Generator().manual_seed(seed)
        self.wants = torch.rand(len(tokens), vocabulary, generator=chance)
        self.wants[torch.arange(len(tokens)), torch.tensor(tokens)] = 2.0
        self.at = 0
        self.head = torch.nn.Linear(vocabulary, vocabulary, bias=False)
        torch.nn.init.eye_(self.head.weight)
        self.config = SimpleNamespace(_attn_implementation="eager")

    def get_output_embeddings(self):
        return self.head

    def model(self, _step, **_):
        self.at += 1
        return SimpleNamespace(last_hidden_state=self.wants[self.at - 1][None, None])


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A tokenizer of bytes, in which a sign of a number may be two or three tokens."""
    path = tmp_path_factory.mktemp("bytes") / "tokenizer.json"
    qwen(thinks=False).save(str(path))
    return Spoken(FAMILIES["chatml"], Encoder(path), "")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(["您好", "{due_date}", "{amount", "}", "6", "①", "¾", "０", "٣", "𝟗"])
        | st.sampled_from(["百", "🙂", "é", "<", "\n"])
        | st.text(max_size=3),
        max_size=6,
    ).map("".join),
    st.integers(0, 99),
)  # fmt: skip
@example("请还①", 1)
@example("请在{due_date}前还款。", 2)
def test_what_a_model_wants_to_write_is_written_where_it_may_be(spoken, text, seed):
    line, stop = SlottedLine(SLOTS), spoken.encode("<|im_end|>", True)[0]
    tokens = [*spoken.encode(text, False), stop]
    model = Wanting(tokens, 423, seed)
    asked = Asked(ASKED.messages, most=len(tokens), wording=line)
    out = list(write_tokens(model, spoken, asked))
    said = spoken.encode.decode(out)
    assert line.begins(said)
    assert figures(said) == []
    wanted = spoken.encode.decode(tokens[:-1])
    if line.ends(wanted):
        assert said == wanted
