"""Replies that are written together are what each is alone, whoever comes, leaves or fails beside.

In float64 token by token. In float32 sums of a batch differ in their last bits: there the scores
lie within `APART` of those alone, and the tokens are the same wherever the two best lie further
apart than that.
"""

import dataclasses
import gc
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from fine_tune.bases.base import open_base
from finmodel.assistant.engines import transformer
from finmodel.assistant.engines.batch import (
    NOTHING,
    READ_AT_ONCE,
    Row,
    chosen,
    joined,
    only,
    read_on,
    read_whole,
    write_many,
    write_tokens,
)
from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.engines.laid import LaidAdapters
from finmodel.assistant.engines.transformer import Transformer
from finmodel.assistant.engines.within import within
from finmodel.assistant.suggesting.grammar import SlottedLine
from finmodel.assistant.template import Message
from finmodel.errors import NotReady

APART = 2e-4
TINY = Path(__file__).parents[4] / "fine_tune" / "tiny"
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PLAIN = LoraConfig(r=4, lora_alpha=8, target_modules=ALL)
STABLE = LoraConfig(
    r=9, lora_alpha=6, target_modules=["q_proj", "v_proj"], use_rslora=True, lora_dropout=0.5
)
DORA = LoraConfig(r=4, lora_alpha=16, target_modules=ALL, use_dora=True)
LONG = "我上个月的账单已经还了，为什么今天又收到一条催收短信？" * 16
ASKED = (
    Asked((Message("user", "您好，逾期了怎么办？"),), adapter="plain", most=30),
    Asked((Message("user", LONG),), adapter="stable", most=12),
    Asked((Message("system", "你是客服。"), Message("user", "利率是多少？")), most=21),
    Asked((Message("user", "请问还款日是几号"),), "stable", most=26, temperature=1.3, seed=7),
    Asked((Message("user", "我要提前结清"),), "plain", most=24, temperature=0.8, seed=3,
          wording=SlottedLine(("due_date", "amount_due"))),
    Asked((Message("user", "分期手续费多少钱？" * 5),), most=17, wording=SlottedLine(())),
)  # fmt: skip


@pytest.fixture(scope="module")
def base():
    return open_base(TINY)


def laid(base, dtype=torch.float64, by=0.2, **adapters):
    """The tiny base under adapters that change what it says."""
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=dtype)
    (name, first), *others = adapters.items()
    model = get_peft_model(model, first, adapter_name=name)
    for name, one in others:
        model.add_adapter(name, one)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(0, by)
    return model.to(dtype).eval()


def alone(model, base, asked):
    """The tokens of a reply that is written by itself."""
    if not asked.adapter:
        with model.disable_adapter():
            return list(write_tokens(model, base.spoken, asked))
    model.set_adapter(asked.adapter)
    return list(write_tokens(model, base.spoken, asked))


def said(base, tokens):
    """As an engine tells them: whole characters alone."""
    texts = [base.encode.decode(tokens[:size]) for size in range(len(tokens) + 1)]
    return next(text for text in reversed(texts) if not text.endswith("\ufffd"))


@pytest.fixture(scope="module")
def model(base):
    return laid(base, plain=PLAIN, stable=STABLE)


@pytest.fixture(scope="module")
def by_itself(model, base):
    return [alone(model, base, asked) for asked in ASKED]


@pytest.fixture
def engine(model, base, by_itself):  # whose adapters are switched before there is an engine
    with closing(Transformer(model, base.spoken, slots=4)) as opened:
        yield opened


def at_once(engine, asked):
    """What each hears, or the error that it got, all asked in one moment."""
    heard, ready = [None] * len(asked), threading.Barrier(len(asked))

    def ask(place):
        ready.wait()
        try:
            heard[place] = "".join(engine.stream(asked[place]))
        except NotReady as error:
            heard[place] = error

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(asked))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return heard


def test_each_is_what_it_is_alone_while_others_come_and_leave(engine, base, by_itself):
    assert len({said(base, tokens) for tokens in by_itself}) == len(ASKED)
    assert len(base.spoken.prompt(ASKED[1])) > READ_AT_ONCE > len(base.spoken.prompt(ASKED[0]))
    wanted = [said(base, tokens) for tokens in by_itself]
    assert at_once(engine, ASKED) == wanted
    late = [within(engine, one) for one in ASKED[:2]]
    begun = [next(late[0])]
    leaving = within(engine, dataclasses.replace(ASKED[2], most=10_000))
    next(leaving)
    assert at_once(engine, ASKED[3:]) == wanted[3:]
    leaving.close()
    assert "".join(late[1]) == wanted[1]
    assert begun[0] + "".join(late[0]) == wanted[0]


def test_a_token_costs_one_look_at_the_weights(engine, model, base):
    looks, begin = [], threading.Event()

    def look(*_):
        begin.wait(20)
        looks.append(1)

    asked = [dataclasses.replace(ASKED[2], adapter=one) for one in ("plain", "", "stable", "plain")]
    counted = model.get_base_model().model.register_forward_pre_hook(look)
    threading.Timer(0.5, begin.set).start()
    try:
        heard = at_once(engine, asked)
    finally:
        counted.remove()
    assert heard[0] == heard[3] != heard[1]
    assert len(looks) < 2 * asked[0].most


def greedy_row(base, asked):
    free = dataclasses.replace(asked, wording=None, temperature=0.0)
    return Row.of(base.spoken, free, torch.device("cpu"))


def scores_alone(model, over, row):
    """What was out and the scores behind it, at each token of a reply that is written by itself."""
    found = []
    with over.over([row.asked.adapter]):
        batch = read_whole(model, row)
        whole = model(torch.tensor([row.tokens])).logits[0, -1]
        assert (whole - batch.scores[0]).abs().max() < APART, "read in pieces as at once"
        while batch.rows:
            found.append((row.out, batch.scores[0]))
            batch = read_on(model, chosen(batch))
    return found


def as_alone(row, scores, alone):
    """Whether scores are those of the row alone, where it has said the same by then."""
    out, own = alone[len(row.out)]
    if out != row.out:
        return False
    assert (scores - own).abs().max() < APART
    first, second = own.topk(2).values
    assert first - second < APART or scores.argmax() == own.argmax()
    return True


def test_scores_lie_near_those_alone_and_what_nobody_needs_is_cut(base):
    model = laid(base, torch.float32, plain=PLAIN, stable=STABLE)
    compared, batch = 0, NOTHING
    coming = [greedy_row(base, one) for one in ASKED]
    with closing(LaidAdapters(model)) as over:
        alone = {row: scores_alone(model, over, greedy_row(base, row.asked)) for row in coming}
        while coming or batch.rows:
            if coming:
                row = coming.pop()
                with over.over([row.asked.adapter]):
                    batch = joined(batch, read_whole(model, row))
            if len(coming) == 2:  # somebody leaves in the middle
                batch = only(batch, [place for place in range(len(batch.rows)) if place != 1])
            assert min(batch.left) == 0
            pairs = zip(batch.rows, batch.scores, strict=True)
            compared += sum(as_alone(row, scores, alone[row]) for row, scores in pairs)
            batch = chosen(batch)
            with over.over([row.asked.adapter for row in batch.rows] or [""]):
                batch = read_on(model, batch)
    assert compared > 60


def test_many_are_judged_as_each_is_alone_and_begun_as_others_end(model, base):
    model.set_adapter("plain")
    apart = [list(write_tokens(model, base.spoken, one)) for one in ASKED]
    for together in (2, 12):
        assert dict(write_many(model, base.spoken, ASKED, together)) == dict(enumerate(apart))


def test_adapters_that_cannot_be_mixed_are_written_beside_each_other(base):
    model = laid(base, by=0.5, plain=PLAIN, dora=DORA)
    asked = [dataclasses.replace(ASKED[0], adapter=one) for one in ("plain", "dora", "", "plain")]
    wanted = [said(base, alone(model, base, one)) for one in asked]
    assert len(set(wanted)) == 3
    with closing(Transformer(model, base.spoken, slots=4)) as engine:
        assert at_once(engine, asked) == wanted


@pytest.fixture
def failing(model):
    """Fails where what is read at once has a size that the test names."""
    sizes = set()

    def fail(_, given, __):
        if given[0].shape[1] in sizes:
            raise RuntimeError("out of memory")

    hook = model.get_base_model().model.register_forward_pre_hook(fail, with_kwargs=True)
    yield sizes
    hook.remove()


def test_an_error_is_told_to_everybody_and_the_next_is_written(engine, base, by_itself, failing):
    failing.add(1)
    for told in at_once(engine, ASKED[:3]):
        assert isinstance(told, NotReady)
        assert str(told).startswith("transformers: transformers failed (RuntimeError); see that")
    failing.clear()
    assert "".join(engine.stream(ASKED[0])) == said(base, by_itself[0])


def test_a_prompt_that_cannot_be_read_harms_nobody_else(engine, base, by_itself, failing):
    failing.add(len(base.spoken.prompt(ASKED[5])))
    *heard, told = at_once(engine, [ASKED[0], ASKED[2], ASKED[5]])
    assert isinstance(told, NotReady)
    assert heard == [said(base, by_itself[0]), said(base, by_itself[2])]


def test_an_error_in_cutting_somebody_out_ends_the_others_and_not_the_engine(
    engine, base, by_itself, monkeypatch
):
    endless = dataclasses.replace(ASKED[2], most=10**6, temperature=2.0, seconds=60)
    leaving, staying = engine.stream(endless), engine.stream(endless)
    next(leaving)
    next(staying)
    real = transformer.only

    def full(batch, places):
        if len(places) != len(batch.rows):
            raise RuntimeError("out of memory")
        return real(batch, places)

    monkeypatch.setattr(transformer, "only", full)
    leaving.close()
    with pytest.raises(NotReady, match="transformers failed"):
        list(staying)
    monkeypatch.undo()
    assert "".join(engine.stream(ASKED[0])) == said(base, by_itself[0])


def test_whoever_went_without_closing_or_whose_time_is_over_has_no_slot(model, base, by_itself):
    endless = dataclasses.replace(ASKED[2], most=10**6, temperature=2.0)
    with closing(Transformer(model, base.spoken, slots=1)) as engine:
        forgotten = engine.stream(endless)
        next(forgotten)
        del forgotten
        gc.collect()
        assert "".join(engine.stream(ASKED[0])) == said(base, by_itself[0])
        unread = engine.stream(dataclasses.replace(endless, seconds=0.5))
        next(unread)
        assert "".join(engine.stream(ASKED[0])) == said(base, by_itself[0])


def test_closed_it_ends_whatever_is_written_and_no_thread_is_left(model, base, by_itself):
    endless = dataclasses.replace(ASKED[2], most=10**6, temperature=2.0)
    engine = Transformer(model, base.spoken, slots=1)
    written, waiting = engine.stream(endless), []
    next(written)
    other = threading.Thread(target=lambda: waiting.extend(at_once(engine, [ASKED[0]])))
    other.start()
    time.sleep(0.1)
    engine.close()
    assert not [one for one in threading.enumerate() if one.name == engine.name]
    with pytest.raises(NotReady, match="it was closed; open it again"):
        list(written)
    other.join()
    assert str(waiting[0]) == "transformers: it was closed; open it again"
    with pytest.raises(NotReady, match="it was closed"):
        list(engine.stream(ASKED[0]))
