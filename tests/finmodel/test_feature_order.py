"""Features in another order score the same rows the same, each by its name."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from finmodel.boosting import header_of, parameters_in, settled
from finmodel.errors import BadInput
from finmodel.feature_order import by_name, names_in


def test_a_model_over_more_features_in_another_order_gives_the_same_bits():
    random = np.random.default_rng(2)
    rows = random.normal(size=(600, 3))
    labels = (rows[:, 0] - rows[:, 2] + random.normal(size=600) > 0).astype(float)
    data = lgb.Dataset(rows, labels, feature_name=["income", "age", "debt"])
    booster = lgb.train({"objective": "binary", "verbosity": -1, "learning_rate": 0.2}, data, 8)
    text = booster.model_to_string()
    wanted = ("debt", "town", "income", "age")
    turned = settled(by_name(text, wanted))
    assert names_in(turned) == wanted
    assert header_of(turned)["max_feature_idx"] == "3"
    other = np.column_stack([rows[:, 2], np.full(600, 9.0), rows[:, 0], rows[:, 1]])
    assert lgb.Booster(model_str=turned).predict(other).tobytes() == booster.predict(rows).tobytes()
    assert settled(turned) == turned
    assert parameters_in(turned) == parameters_in(text)


def test_a_name_that_is_not_wanted_is_never_dropped_in_silence():
    with pytest.raises(KeyError, match="b"):
        by_name("tree\nfeature_names=b a\n\nTree=0\n", ("a", "c"))


def test_what_lightgbm_cannot_read_is_refused():
    with pytest.raises(BadInput, match="LightGBM cannot read it"):
        settled("tree\nversion=v4\nnum_class=1\n")
