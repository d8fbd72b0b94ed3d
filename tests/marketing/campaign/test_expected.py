"""What a way brings and costs, by the formula in words, and by whose effect it goes."""

from __future__ import annotations

import numpy as np
import pytest

from finmodel.errors import BadInput
from marketing.campaign.expected import Scores, expected_of, treatment_of
from tests.marketing.small_campaign import shipped

RECIPE = shipped()


def scores(propensity, effects, points=600.0, treatments=("app", "push", "sms")) -> Scores:
    n = len(propensity)
    nobody = np.zeros(n, bool)
    return Scores(np.array(propensity), np.array(effects), treatments, np.full(n, points), nobody)


def test_gain_is_what_is_earned_more_less_what_is_paid():
    found = expected_of(RECIPE, scores([0.2], [[0.1, 0.05, -0.3]]))
    for place, (o, c) in enumerate(RECIPE.pairs):
        offer, channel = RECIPE.offers[o], RECIPE.channels[c]
        uplift = (0.1, 0.05, -0.3)[("app", "push", "sms").index(channel.name)]
        cost = channel.cost_minor + max(0.2 + uplift, 0.0) * offer.cost_minor
        assert found.cost[0, place] == pytest.approx(cost)
        assert found.gain[0, place] == pytest.approx(uplift * offer.value_minor - cost)
        assert found.uplift[0, place] == uplift


def test_who_is_not_scored_gains_nothing_and_costs_the_mean():
    found = expected_of(RECIPE, scores([0.2, np.nan, 0.4], [[0.1] * 3, [np.nan] * 3, [0.1] * 3]))
    assert not found.gain[1].any()
    np.testing.assert_allclose(found.cost[1], (found.cost[0] + found.cost[2]) / 2)


def test_who_is_not_scored_costs_what_is_said_of_them_whoever_else_is_scored():
    told = np.linspace(0.1, 0.5, len(RECIPE.pairs))
    alone = expected_of(RECIPE, scores([np.nan], [[np.nan] * 3]), told)
    beside = expected_of(RECIPE, scores([np.nan, 0.9], [[np.nan] * 3, [0.1] * 3]), told)
    np.testing.assert_array_equal(alone.cost[0], beside.cost[0])
    for place, (o, c) in enumerate(RECIPE.pairs):
        cost = RECIPE.channels[c].cost_minor + told[place] * RECIPE.offers[o].cost_minor
        assert alone.cost[0, place] == pytest.approx(cost)


def test_an_effect_of_offer_by_channel_goes_before_the_offers_and_the_channels():
    names = ("sms", "points", "points/sms", "app", "push")
    told = treatment_of(RECIPE, names)
    chosen = [names[place] for place in told]
    by_pair = {
        (RECIPE.offers[o].id, RECIPE.channels[c].name): name
        for (o, c), name in zip(RECIPE.pairs, chosen, strict=True)
    }
    assert by_pair["points", "sms"] == "points/sms"
    assert by_pair["points", "app"] == "points"
    assert by_pair["rate_cut", "sms"] == "sms"


def test_a_channel_of_which_no_effect_is_known_is_refused():
    said = "marketing_preference: it knows no effect of rate_cut by push, only of app, sms; take"
    with pytest.raises(BadInput, match=said):
        treatment_of(RECIPE, ("app", "sms"))


def test_a_model_of_no_treatment_is_told_apart():
    said = "marketing_preference: it is a propensity model: it knows no treatment's effect; name an"
    with pytest.raises(BadInput, match=said):
        treatment_of(RECIPE, ())
