"""Which tokens of a conversation are learnt, for each family, on a real tokenizer of its kind."""

from itertools import groupby

import numpy as np
import pytest
from tokenizers import decoders

from fine_tune.lessons.samples import Lesson, Reply, samples_of
from finmodel.assistant.encoder import Encoder
from finmodel.assistant.template import FAMILIES, Message
from finmodel.errors import BadInput
from tests.fine_tune.small_tokenizers import llama2, qwen

LESSON = Lesson(
    "c",
    (
        Message("system", "客服"), Message("user", "怎么还款 🙏🏽"),
        Message("assistant", "请在App还"), Message("user", "好的"), Message("assistant", "谢谢"),
    ),
    (Reply(2, "请在App还"), Reply(4, "祝您愉快", weight=2.0)),
)  # fmt: skip
CHATML = (
    "<|im_start|>system\n客服<|im_end|>\n<|im_start|>user\n怎么还款 🙏🏽<|im_end|>\n"
    "<|im_start|>assistant\n{}请在App还<|im_end|>{}\n<|im_start|>user\n好的<|im_end|>\n"
    "<|im_start|>assistant\n"
)
GOLDEN = {
    "chatml": (qwen(False), CHATML.format("⟦", "⟧") + "⟦⟦祝您愉快<|im_end|>⟧⟧"),
    "chatml_thinking": (
        qwen(True),
        CHATML.format("", "") + "<think>\n\n</think>\n\n⟦⟦祝您愉快<|im_end|>⟧⟧"
        "⑂<|im_start|>assistant\n<think>\n\n</think>\n\n⟦请在App还<|im_end|>⟧",
    ),
    "llama2": (
        llama2(),
        "<s>▁[INST]▁<<SYS>>\n客服\n<</SYS>>\n\n怎么还款▁🙏🏽▁[/INST]⟦▁请在App还▁</s>⟧"
        "<s>▁[INST]▁好的▁[/INST]⟦⟦▁祝您愉快▁</s>⟧⟧",
    ),
}
"""Learnt text stands in ⟦ ⟧, twice where it weighs 2; ⑂ is where a branch leaves."""


@pytest.fixture(params=GOLDEN)
def kind(request, tmp_path):
    tokenizer, golden = GOLDEN[request.param]
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    encode = Encoder(tmp_path / "tokenizer.json")
    return FAMILIES[request.param], encode, tokenizer, golden


def shown(sample, tokenizer):
    """A sample as text, learnt parts marked."""
    words = [tokenizer.id_to_token(one) for one in range(tokenizer.get_vocab_size())]
    special = {"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"}
    sentence = "<0x0A>" in words
    found = ""
    columns = zip(sample.branch, sample.learnt, sample.token, strict=True)
    for branch, run in groupby(columns, key=lambda one: one[0]):
        found += "⑂" if branch else ""
        for weight, part in groupby(run, key=lambda one: one[1]):
            text, plain = "", []
            for *_, one in [*part, (0, 0, -1)]:
                if one >= 0 and words[one] not in special:
                    plain.append(words[one])
                    continue
                text += joined(plain, sentence) + ("" if one < 0 else words[one])
                plain = []
            found += "⟦" * int(weight) + text + "⟧" * int(weight)
    return found


def joined(words, sentence):
    """Pieces of SentencePiece, or of bytes written as signs, as text."""
    if sentence:
        parts = [bytes([int(w[3:5], 16)]) if w[:3] == "<0x" else w.encode() for w in words]
        return b"".join(parts).decode()
    return decoders.ByteLevel().decode(words)


def test_each_family_learns_its_replies_and_their_ends(kind):
    family, encode, tokenizer, golden = kind
    (sample,) = samples_of(LESSON, family, encode, 1_000)
    assert shown(sample, tokenizer) == golden


def test_a_history_that_is_too_long_is_cut_and_written_as_if_it_had_begun_so(kind):
    family, encode, _, _ = kind
    (whole,) = samples_of(LESSON, family, encode, 1_000, shared=False)[1:]
    (cut,) = samples_of(LESSON, family, encode, len(whole) - 1, shared=False)[1:]
    kept = LESSON.messages[:1] + LESSON.messages[2:]
    again = Lesson("c", kept, (Reply(3, "祝您愉快", weight=2.0),))
    (expected,) = samples_of(again, family, encode, 1_000)
    for name in ("token", "position", "branch", "learnt"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(expected, name))
    with pytest.raises(BadInput, match="conversation c: its instruction, last message and reply"):
        samples_of(LESSON, family, encode, 24)
