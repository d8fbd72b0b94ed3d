"""A pair shares its history and its beginning, and each branch says what the reply alone says."""

import msgspec
import numpy as np
import pytest
import torch

from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.pairs import pair_samples, pairs_in
from fine_tune.training.preference import likelihoods
from finmodel.errors import BadInput
from tests.fine_tune.small_model import small_model
from tests.fine_tune.small_pairs import SPEAKER, judged, rows_of

LESSONS = [judged(number, turns) for number, turns in enumerate((3, 1, 4))]


def alone(rows):
    """(2 × pairs,) log-likelihood of whole replies, by transformers' own attention."""
    model = small_model("sdpa", torch.float64)
    found = []
    for row in rows:
        for words in (row["chosen_ids"], row["rejected_ids"]):
            token = torch.tensor(row["prompt_ids"] + words)
            with torch.no_grad():
                said = model(token[None]).logits[0, :-1].log_softmax(dim=1)
            each = said.gather(1, token[1:, None])[len(row["prompt_ids"]) - 1 :]
            found.append(float(each.sum()))
    return np.array(found)


@pytest.mark.parametrize("length", [2_000, 340])
def test_branches_say_what_replies_alone_say_and_what_is_alike_cancels(length):
    samples = pair_samples(LESSONS, SPEAKER, length)
    assert (len(samples) == len(LESSONS)) == (length == 2_000)
    rows = rows_of(LESSONS)
    assert sum(map(pairs_in, samples)) == len(rows) == 8
    with torch.no_grad():
        told = likelihoods(
            small_model(dtype=torch.float64), pack_of(samples), torch.device("cpu")
        ).numpy()
    whole = alone(rows)
    np.testing.assert_allclose(told[0::2] - told[1::2], whole[0::2] - whole[1::2], rtol=1e-6)
    learnt = sum(int((one.learnt > 0).sum()) for one in samples)
    words = sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows)
    assert learnt < 0.8 * words
    assert max(map(len, samples)) <= length


def test_a_history_is_computed_once_for_all_its_pairs():
    samples = pair_samples(LESSONS, SPEAKER, 2_000)
    rows = rows_of(LESSONS)
    others = sum(
        2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"])
        for row in rows
    )
    assert sum(map(len, samples)) < 0.4 * others


def test_a_branch_sees_its_history_and_itself():
    (one,) = pair_samples(LESSONS[:1], SPEAKER, 2_000)
    sees = one.visible()
    assert np.array_equal(sees.sum(axis=1), one.position + 1)
    assert one.forks.tolist() == [
        one.forks[0], one.forks[1], one.forks[1], *[one.forks[3]] * 2, *[one.forks[0]] * 2
    ]  # fmt: skip
    for branch in range(1, 7):
        mine = one.branch == branch
        assert not sees[np.ix_(mine, (one.branch != branch) & (one.branch != 0))].any()
        # What says a branch's first learnt token is the branch's own.
        assert not one.learnt[np.flatnonzero(mine)[0]]


def test_a_long_history_is_cut_from_its_middle_and_one_that_cannot_be_is_told():
    (reply, *_) = LESSONS[0].replies[-1:]
    one = msgspec.structs.replace(
        LESSONS[0], replies=(msgspec.structs.replace(reply, instead=reply.instead[:1]),)
    )
    (whole,) = pair_samples([one], SPEAKER, 2_000)
    (cut,) = pair_samples([one], SPEAKER, len(whole) + 8)
    assert len(cut) < len(whole)
    first = len(SPEAKER.history(one.messages)[0])
    assert cut.token[:first].tolist() == whole.token[:first].tolist()
    assert cut.learnt.sum() == whole.learnt.sum()
    with pytest.raises(BadInput, match="longer than a sample"):
        pair_samples([one], SPEAKER, 60)


def test_texts_that_are_the_same_tokens_are_no_pair():
    (one,) = LESSONS[1:2]
    reply = one.replies[0]
    same = msgspec.structs.replace(reply, instead=(f" {reply.text}\n",))
    lesson = msgspec.structs.replace(one, replies=(same,))
    assert pair_samples([lesson], SPEAKER, 2_000) == []
