"""A classifier says what its weights say, is read as it was written, and ships whole."""

import numpy as np
import pytest

from finmodel.assistant.guards.classifier import (
    INBOUND,
    NOTHING,
    OUTBOUND,
    ROWS,
    Classifier,
    features,
    load_classifier,
    write_classifier,
)
from finmodel.assistant.guards.inbound_rules import calls
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.errors import Damaged


def model():
    weights = np.random.default_rng(1).normal(size=(ROWS, 3)).astype(np.float32)
    return Classifier((NOTHING, "a", "b"), weights, np.zeros(3, np.float32), 0.6)


def test_probabilities_are_those_of_the_weights():
    rows = features("这笔贷款保证通过")
    logits = sum(model().weights[row] for row in rows) / len(rows) ** 0.5
    wanted = np.exp(logits) / np.exp(logits).sum()
    assert model().probabilities("这笔贷款保证通过") == pytest.approx(wanted, rel=1e-4)
    name, likely = model().likely("这笔贷款保证通过")
    assert name == "ab"[int(wanted[1:].argmax())]
    assert likely == pytest.approx(1 - wanted[0], rel=1e-4)


def test_sounds_are_features_whichever_way_they_are_written():
    written, other = (set(features(text)) for text in ("保证通过", "baozhengtongguo"))
    assert len(other & written) >= 9


def test_any_text_has_a_probability():
    for text in ("", "😀", "x" * 100_000, "\udcff"):
        assert model().probabilities(text).sum() == pytest.approx(1.0)


def test_a_classifier_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "weights.npz"
    write_classifier(path, model())
    read = load_classifier(path)
    assert (read.categories, read.threshold) == ((NOTHING, "a", "b"), 0.6)
    step = np.abs(model().weights).max() / 127
    assert np.abs(read.weights - model().weights).max() <= step / 2 * 1.001


@pytest.mark.parametrize("held", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_what_is_no_classifier_is_refused(tmp_path, held):
    path = tmp_path / "weights.npz"
    path.write_bytes(held)
    with pytest.raises(Damaged, match="guard_weights"):
        load_classifier(path)


def test_the_shipped_ones_know_the_guards_own_names():
    assert set(load_classifier(INBOUND).categories) == {NOTHING, *calls()}
    assert set(load_classifier(OUTBOUND).categories) <= {NOTHING, *rules()}
    assert 0.0 < load_classifier(INBOUND).threshold < 1.0
    assert 0.0 < load_classifier(OUTBOUND).threshold < 1.0


def test_what_is_told_alone_is_told_behind_anything_and_once():
    shipped = load_classifier(OUTBOUND)
    text = "请马上转账，否则我们会起诉您"
    for before in ("", "您好，很高兴为您服务。", "您好，很高兴为您服务，", text):
        assert shipped.tells(text, before) == "collection"
    assert shipped.tells("谢谢", text) is None
    assert shipped.tells("起诉您", "您好。否则就") == "collection"
    assert shipped.tells("起诉您", "否则就。") is None
