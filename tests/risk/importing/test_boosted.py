"""A LightGBM file is matched by its names, or refused with them."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from finmodel.errors import BadInput
from finmodel.scorer import Scorer
from risk.importing.boosted import narrowed, over_the_recipe
from tests.risk.importing.cards import frame_of, given, rows

PARAMS = {"objective": "binary", "verbosity": -1, "num_leaves": 5, "min_data_in_leaf": 20}
FRAME = frame_of(given()[:1000], rows()["bad"].to_numpy()[:1000], "job")


def booster(*names: str, **params) -> lgb.Booster:
    columns = [FRAME.names.index(name) for name in names]
    data = lgb.Dataset(FRAME.matrix[:, columns], FRAME.labels, feature_name=list(names))
    return lgb.train(PARAMS | params, data, 5)


def refusal(text: str) -> str:
    with pytest.raises(BadInput) as caught:
        over_the_recipe(text, FRAME, "m.txt")
    return str(caught.value)


def test_another_order_and_fewer_features_score_the_same_by_name():
    model = booster("debt_total", "income")
    text, notes = over_the_recipe(model.model_to_string(), FRAME, "m.txt")
    own = FRAME.matrix[:, [1, 0]]
    assert Scorer.from_text(text).score_many(FRAME.matrix).tobytes() == model.predict(own).tobytes()
    assert notes == (
        "its features stand in another order than the recipe's: matched by name",
        "2 features of the recipe are read and not asked",
    )
    few = narrowed(FRAME, model.model_to_string())
    assert few.names == ("debt_total", "income")
    np.testing.assert_array_equal(few.matrix, own)


def test_the_recipes_own_order_says_nothing():
    _, notes = over_the_recipe(booster("income", "debt_total").model_to_string(), FRAME, "m.txt")
    assert notes == ("2 features of the recipe are read and not asked",)


def test_names_that_are_not_known_are_told_and_never_taken_by_their_place():
    nameless = lgb.train(PARAMS, lgb.Dataset(FRAME.matrix, FRAME.labels), 3).model_to_string()
    assert refusal(nameless) == (
        "m.txt: feature_names: it reads Column_0, Column_1, Column_2, Column_3, which rows.csv does"
        " not have; names are matched, never places: save it with the recipe's own names"
    )
    salary = booster("income", "debt_total").model_to_string().replace("income", "salary")
    assert "m.txt: feature_names: it reads salary, which" in refusal(salary)


def test_what_no_gate_can_judge_is_refused():
    text = booster("income").model_to_string()
    assert "cut short" in refusal(text[: len(text) // 2])
    assert "the objective binary" in refusal(
        booster("income", objective="regression").model_to_string()
    )
    coded = booster("job", "income").model_to_string()
    assert "it asks job, and which category had which code is not in the file" in refusal(coded)
