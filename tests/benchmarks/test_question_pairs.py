"""Pairs of questions: what embeddings alone tell is learnt, and no pair's own answer is seen."""

import numpy as np
import pytest

from benchmarks import _question_pairs
from benchmarks._question_pairs import compared, learnt, load, sides

FIRST, TOPICS, WORDS = 0x4E00, 6, "还款额度账单利率分期逾期提现注销开通关闭怎么为什么多久可以"


def pairs(path, rows, seed, *, told=True):
    """Pairs of questions of random words; the same where both are of one topic (or by chance)."""
    random = np.random.default_rng(seed)
    lines = []
    for row in range(rows):
        topics = random.integers(0, TOPICS, 2)
        same = int(topics[0] == topics[1] if told else random.random() < 0.3)
        words = ["".join(random.choice(list(WORDS), 6)) for _ in topics]
        texts = [
            f"{word}{chr(FIRST + TOPICS * (2 * row + side) + topic)}"
            for side, (word, topic) in enumerate(zip(words, topics, strict=True))
        ]
        lines.append(f"{texts[0]}\t{texts[1]}\t{same}")
    path.write_text("\n".join(lines), "utf-8")
    return load(path)


def embed(texts):
    """By topic, which the last character tells, and no two questions have the same."""
    middles = np.random.default_rng(1).normal(size=(TOPICS, 3, 32))
    noise = np.random.default_rng(len(texts)).normal(size=(len(texts), 3, 32))
    return (middles[[(ord(text[-1]) - FIRST) % TOPICS for text in texts]] + 0.5 * noise).astype(
        np.float16
    )


@pytest.fixture(autouse=True)
def few_embedded(monkeypatch):
    monkeypatch.setattr(_question_pairs, "EMBEDDED", 300)


def test_what_only_embeddings_tell_is_learnt_of_the_pairs_that_were_embedded(tmp_path):
    train, dev = pairs(tmp_path / "train", 400, 2), pairs(tmp_path / "dev", 200, 3)
    asked = []
    table = compared(train, dev, lambda texts: asked.append(len(texts)) or embed(texts))
    assert asked == [600, 400]
    assert table["ours"]["auc"] > 0.9
    assert table["e5"]["auc"] > 0.9
    assert table["ours"]["accuracy"] > table["always_no"]["accuracy"]
    without = compared(train, dev)
    assert without["ours"]["auc"] < 0.75
    assert "e5" not in without


def test_no_pairs_own_answer_is_seen(tmp_path):
    train = pairs(tmp_path / "train", 300, 4, told=False)
    dev = pairs(tmp_path / "dev", 60, 5, told=False)
    known, _ = learnt(train, dev, (sides(train, embed), sides(dev, embed)))
    assert len(known) == 300
    assert _question_pairs.auc(train.same, known) < 0.65
