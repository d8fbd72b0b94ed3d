"""Reason groups: each feature in exactly one, patterns resolved, mistakes told."""

from __future__ import annotations

import pytest

from finmodel.errors import BadInput
from risk.draft import reason_groups
from risk.recipe import load_recipe
from tests.risk.small_lender import RECIPE

NAMES = ("income", "debt_total", "debt_count", "job")


def test_patterns_become_names_in_the_models_order(lender):
    groups = reason_groups(load_recipe(lender()), NAMES)
    assert [(group.code, group.features) for group in groups] == [
        ("R1", ("income",)),
        ("R2", ("debt_total", "debt_count")),
        ("R3", ("job",)),
    ]


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (["income"], "feature 'job' has no reason code"),
        (["income", "job", "debt_count"], "'debt_count' is in R1 and R2"),
        (["income", "job", "salary"], "'salary' of R1 is no feature"),
    ],
)
def test_a_feature_without_or_with_two_codes(lender, features, says):
    reasons = [{**RECIPE["reasons"][0], "features": features}, RECIPE["reasons"][1]]
    with pytest.raises(BadInput, match=says) as caught:
        reason_groups(load_recipe(lender(reasons=reasons)), NAMES)
    assert "recipe.yaml: reasons" in str(caught.value)
