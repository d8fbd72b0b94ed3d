"""Lanes and lots: as large as they should be, independent, and the same wherever they are asked."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare, kstest

from marketing.campaign.lanes import Lane, drawn, lanes_of, propensities, turn_of
from marketing.campaign.recipe import Explore, Holdout
from tests.marketing.small_campaign import shipped

IDS = np.arange(1, 200_001)
ALL = np.ones(len(IDS), bool)


def test_turns_are_uniform_and_know_nothing_of_each_other():
    one, two = turn_of(IDS, "holdout", "2026"), turn_of(IDS, "explore", "2026")
    assert kstest(one, "uniform").pvalue > 0.001
    table = np.histogram2d(one, two, bins=8)[0]
    assert chi2_contingency(table).pvalue > 0.001
    neighbours = np.histogram2d(one[:-1], one[1:], bins=8)[0]
    assert chi2_contingency(neighbours).pvalue > 0.001


def test_lanes_have_their_shares_and_the_holdout_is_permanent():
    recipe = shipped(holdout=Holdout(0.05, "a"), explore=Explore(0.1))
    lanes = lanes_of(recipe, IDS, ALL)
    assert np.mean(lanes == Lane.HOLDOUT) == pytest.approx(0.05, abs=0.003)
    assert np.mean(lanes == Lane.EXPLORE) == pytest.approx(0.095, abs=0.004)
    other = lanes_of(msgspec.structs.replace(recipe, name="autumn"), IDS, ALL)
    np.testing.assert_array_equal(other == Lane.HOLDOUT, lanes == Lane.HOLDOUT)
    assert np.mean((other == Lane.EXPLORE) & (lanes == Lane.EXPLORE)) < 0.015
    salted = lanes_of(shipped(holdout=Holdout(0.05, "b")), IDS, ALL)
    assert np.mean((salted == Lane.HOLDOUT) & (lanes == Lane.HOLDOUT)) < 0.005


def test_one_customer_is_in_the_lane_that_a_million_say():
    lanes = lanes_of(shipped(), IDS, IDS % 3 > 0)
    alone = [
        int(lanes_of(shipped(), IDS[[at]], np.array([IDS[at] % 3 > 0]))[0]) for at in range(99)
    ]
    assert lanes[:99].tolist() == alone
    assert set(lanes[IDS % 3 == 0].tolist()) == {Lane.HOLDOUT, Lane.UNIFORM}


def test_a_lot_falls_on_each_allowed_way_and_on_none_equally():
    allowed = np.ones((len(IDS), 4), bool)
    allowed[:, 2] = False
    lot = drawn(IDS, allowed, "spring", "1")
    counts = np.bincount(lot + 1, minlength=5)
    assert counts[3] == 0
    assert chisquare(counts[[0, 1, 2, 4]]).pvalue > 0.001


def test_propensities_are_the_frequencies_of_the_actions():
    """Many customers of one kind: what is logged equals how often it happens."""
    recipe = shipped(holdout=Holdout(0.05, "a"), explore=Explore(0.3))
    lanes = lanes_of(recipe, IDS, ALL)
    allowed = np.tile([True, True, False], (len(IDS), 1))
    planned = np.full(len(IDS), 1)
    action = np.where(lanes == Lane.EXPLORE, drawn(IDS, allowed, "spring"), planned)
    told = propensities(action, planned, allowed.sum(axis=1), 0.3)
    in_play = lanes != Lane.HOLDOUT
    for way in (-1, 0, 1):
        share = float(np.mean(action[in_play] == way))
        assert share == pytest.approx(float(told[in_play & (action == way)][0]), abs=0.005)
