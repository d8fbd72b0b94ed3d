"""Packed samples with shared histories say what each reply alone says: against stock attention."""

import msgspec
import numpy as np
import pytest
import torch
from torch.nn.attention.flex_attention import create_mask

from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import samples_of
from fine_tune.network.attention import sight
from fine_tune.network.model import Batch, pack_loss
from finmodel.assistant.template import FAMILIES, Message
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model


def stock_losses(samples):
    """Loss of each reply alone, by transformers' own attention and PyTorch's cross-entropy."""
    model = small_model("sdpa", torch.float64)
    total = 0.0
    for one in samples:
        token = torch.from_numpy(one.token).long()
        with torch.no_grad():
            logits = model(token[None]).logits[0]
        nll = torch.nn.functional.cross_entropy(logits[:-1], token[1:], reduction="none")
        total += float((nll * torch.from_numpy(one.learnt[1:])).sum())
    return total


def test_a_shared_history_gives_each_reply_the_loss_that_it_has_alone():
    lessons = [lesson(number, turns) for number, turns in enumerate((3, 1, 4))]
    together = [s for one in lessons for s in samples_of(one, FAMILY, encode, 1_000)]
    alone = [s for one in lessons for s in samples_of(one, FAMILY, encode, 1_000, shared=False)]
    assert len(together) == 3
    assert len(alone) == 8
    assert not any(one.branch.any() for one in alone)
    model = small_model(dtype=torch.float64)
    batch = Batch.of(pack_of(together), torch.device("cpu"))
    # The model's norms are float32 whatever it is: a last bit there is 1e-9 of the loss.
    assert pack_loss(model, batch).item() == pytest.approx(stock_losses(alone), rel=1e-8)
    learnt = [sum((s.learnt > 0).sum() for s in some) for some in (together, alone)]
    assert learnt[0] == learnt[1]
    assert sum(map(len, together)) < 0.7 * sum(map(len, alone))


def test_a_reply_that_stands_in_the_history_is_learnt_there():
    plain = FAMILIES["chatml"]
    one = lesson(3, turns=4)
    told = tuple(
        Message("assistant", one.replies[k // 2 - 1].text) if m.role == "assistant" else m
        for k, m in enumerate(one.messages)
    )
    same = msgspec.structs.replace(one, messages=told)
    (whole,) = samples_of(same, plain, encode, 1_000)
    alone = samples_of(same, plain, encode, 1_000, shared=False)
    assert not whole.branch.any()
    assert whole.token[: len(alone[-1])].tolist() == alone[-1].token.tolist()
    learnt = np.flatnonzero(whole.learnt)
    assert learnt.tolist() == sorted(x for s in alone for x in np.flatnonzero(s.learnt).tolist())
    assert "".join(map(str, whole.token[learnt])) == "".join(
        str(t) for r in same.replies for t in [*encode(r.text, False), 1]
    )
    batch = Batch.of(pack_of([whole]), torch.device("cpu"))
    found = pack_loss(small_model(dtype=torch.float64), batch).item()
    assert found == pytest.approx(stock_losses(alone), rel=1e-8)


def test_a_packed_samples_logits_are_those_of_the_sample_alone():
    samples = [s for n in range(4) for s in samples_of(lesson(n), FAMILY, encode, 1_000)]
    model = small_model(dtype=torch.float64).eval()

    def states(some):
        batch = Batch.of(pack_of(some), torch.device("cpu"))
        with torch.no_grad():
            return model(
                batch.token, position_ids=batch.position, use_cache=False, spans=batch.spans
            ).logits[0]

    packed = states(samples)
    for place, one in enumerate(samples):
        begin = sum(map(len, samples[:place]))
        torch.testing.assert_close(
            packed[begin : begin + len(one)], states([one]), rtol=1e-6, atol=1e-6
        )


def test_what_a_branch_says_depends_on_no_other_branch():
    one = samples_of(lesson(7), FAMILY, encode, 1_000)[0]
    sees = one.visible()
    assert one.branch.max() == 2
    for branch in (1, 2):
        mine = one.branch == branch
        assert not sees[np.ix_(mine, (one.branch != branch) & (one.branch != 0))].any()
        assert (
            sees[np.ix_(mine, one.branch == 0)].sum(axis=1).tolist()
            == [one.forks[branch]] * mine.sum()
        )
    assert not sees[np.ix_(one.branch == 0, one.branch != 0)].any()
    assert np.array_equal(sees.sum(axis=1), one.position + 1)


def test_the_gpus_rule_is_the_cpus():
    samples = [s for n in range(3) for s in samples_of(lesson(n), FAMILY, encode, 1_000)]
    pack = pack_of(samples)
    rule, whole = sight(pack, torch.device("cpu"))
    mask = create_mask(rule, 1, 1, whole, whole, device="cpu")[0, 0].numpy()
    expected = np.zeros((whole, whole), bool)
    for place, one in enumerate(samples):
        mine = slice(pack.begins[place], pack.begins[place + 1])
        expected[mine, mine] = one.visible()
    np.testing.assert_array_equal(mask, expected)
