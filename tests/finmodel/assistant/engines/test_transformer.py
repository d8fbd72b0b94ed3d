"""transformers as an engine, against its own `generate`."""

import dataclasses

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from finmodel.assistant.engines.engine import Laid, write
from finmodel.assistant.engines.transformer import open_transformer, write_many, write_tokens
from finmodel.assistant.template import Message
from finmodel.errors import BadInput, NotFound
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
    assert write_many(model, spoken, asked) == alone
    assert len({len(spoken.prompt(one)) for one in asked}) == 4, "none is filled"
    assert len(set(map(tuple, alone))) == 4
    assert write_many(model, spoken, asked[1:2]) == alone[1:2]


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
