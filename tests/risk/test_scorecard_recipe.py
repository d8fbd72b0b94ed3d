"""What a recipe's `scorecard:` may say, and the sentence where it may not."""

from __future__ import annotations

import pytest

from finmodel.errors import BadInput
from risk.recipe import load_recipe


@pytest.mark.parametrize(
    ("scorecard", "said"),
    [
        ({"max_bin": 5}, "scorecard.max_bin: unknown key 'max_bin'; did you mean 'max_bins'?"),
        ({"cuts": {"income": [3, 1]}}, "cuts of income must ascend, each once"),
        ({"cuts": {"income": [0.1, 0.1000000001]}}, r"must ascend, each once \(as single precis"),
        (
            {"special_values": {"all": [16777216], "income": [16777217]}},
            "special_values of income: two of 16777216, 16777217 are one in single precision",
        ),
        ({"groups": {"job": [["a"], ["a"]]}}, "groups of job: each category in exactly one"),
        ({"min_bin_share": 0.6}, "min_bin_share must be above 0 and at most 0.5"),
        ({"max_bins": 1}, "max_bins must be between 2 and 20"),
        ({"decimals": 7}, "decimals must be between 0 and 6"),
        ({"cuts": {"income": "low"}}, "expected `array`, got `str`"),
    ],
)
def test_a_block_that_does_not_hold_is_one_sentence(lender, scorecard, said):
    with pytest.raises(BadInput, match=said):
        load_recipe(lender(scorecard=scorecard))


def test_a_gate_for_a_card_that_is_not_trained_is_refused(lender):
    gate = {"auc": 0.6, "ks": 0.1, "brier": 0.3, "scorecard": {"auc": 0.6}}
    with pytest.raises(BadInput, match=r"gate\.scorecard: it judges a scorecard, and none is"):
        load_recipe(lender(gate=gate))
    assert load_recipe(lender(gate=gate, scorecard={})).gate.scorecard.auc == 0.6
    unknown = {**gate, "scorecard": {"gini": 0.3}}
    with pytest.raises(BadInput, match=r"gate\.scorecard\.gini: unknown key"):
        load_recipe(lender(gate=unknown, scorecard={}))


def test_every_key_has_a_default_and_without_the_block_there_is_no_card(lender):
    assert load_recipe(lender()).scorecard is None
    spec = load_recipe(lender(scorecard={})).scorecard
    assert (spec.min_bin_share, spec.iv_min, spec.correlation_max) == (0.05, 0.02, 0.7)
