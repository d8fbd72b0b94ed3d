"""The model's file: written and read to the same answers, and refused where it is none."""

import numpy as np
import pytest

from finmodel.assistant.intents import load_intents
from finmodel.assistant.matching.intent_model import (
    ROWS,
    IntentModel,
    features,
    load_model,
    write_model,
)
from finmodel.assistant.matching.situation import Situation
from finmodel.errors import Damaged

ASKED = Situation("提前还清要多少", before="due_date", account="current")


def model():
    chance = np.random.default_rng(1)
    weights = chance.normal(size=(ROWS, 3)).astype(np.float32)
    return IntentModel(("a", "b", "c"), weights, np.zeros(3, np.float32), 0.2, 0.7)


def test_probabilities_are_those_of_the_weights():
    rows, values = features(ASKED)
    told = model()
    logits = sum(value * told.weights[row] for row, value in zip(rows, values, strict=True))
    wanted = np.exp(logits) / np.exp(logits).sum()
    assert told.probabilities(ASKED) == pytest.approx(wanted, rel=1e-4)


def test_what_was_before_matters_and_longer_words_weigh_no_more():
    other = Situation("提前还清要多少", before="coupon_use", account="current")
    assert set(features(ASKED)[0]) != set(features(other)[0])
    lengths = [
        float(np.sum(features(Situation(text))[1] ** 2)) for text in ("还款", "提前还清要多少钱呢")
    ]
    assert lengths[0] == pytest.approx(lengths[1])


def test_a_model_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "weights.npz"
    write_model(path, model())
    read = load_model(path)
    assert (read.intents, read.blend, read.confident) == (("a", "b", "c"), 0.2, 0.7)
    step = np.abs(model().weights).max() / 127
    assert np.abs(read.weights - model().weights).max() <= step / 2 * 1.001


@pytest.mark.parametrize("held", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_what_is_no_model_is_refused(tmp_path, held):
    path = tmp_path / "weights.npz"
    path.write_bytes(held)
    with pytest.raises(Damaged, match="intent_weights"):
        load_model(path)


def test_a_model_of_other_rows_is_refused(tmp_path):
    path = tmp_path / "weights.npz"
    small = IntentModel(("a",), np.zeros((4, 1), np.float32), np.zeros(1, np.float32), 0.0, 1.0)
    write_model(path, small)
    with pytest.raises(Damaged, match="no intent model"):
        load_model(path)


def test_the_shipped_weights_know_every_intent():
    shipped = load_model()
    assert shipped.intents == tuple(sorted(load_intents()))
    asked = shipped.probabilities(Situation("提前还清要多少手续费", account="current"))
    assert shipped.intents[int(asked.argmax())] in ("early_settlement", "settlement_fee")
    assert 0.0 < shipped.confident < 1.0
