"""Drift of scores and the swap set against numbers by hand and by another's formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finmodel.gate import Why
from finmodel.manifest import Policy, Scaling
from risk.gate_population import approval_ratios, score_psi, swap_of
from risk.groups import group_report
from risk.scaling import points_many


def test_psi_is_the_textbooks_over_deciles_of_the_reference():
    random = np.random.default_rng(3)
    then, now = random.normal(size=5_000), random.normal(0.5, 1.0, 4_000)
    deciles = pd.qcut(then, 10, retbins=True)[1]
    deciles[0], deciles[-1] = -np.inf, np.inf
    expected = pd.cut(pd.Series(then), deciles).value_counts(normalize=True, sort=False)
    actual = pd.cut(pd.Series(now), deciles).value_counts(normalize=True, sort=False)
    by_book = ((actual - expected) * np.log(actual / expected)).sum()
    assert score_psi(then, now) == pytest.approx(by_book, rel=0.01)
    assert score_psi(then, random.normal(size=4_000)) < 0.01


def test_psi_of_scores_that_are_all_equal_and_of_cells_that_nobody_is_in():
    assert score_psi(np.zeros(50), np.zeros(60)) == 0.0
    assert np.isfinite(score_psi(np.arange(100.0), np.full(80, 1e9)))
    assert score_psi(np.arange(100.0), np.full(80, 1e9)) > 1


def test_a_swap_set_has_four_cells_and_two_bad_rates():
    random = np.random.default_rng(1)
    before, after = random.random(1_000) < 0.6, random.random(1_000) < 0.5
    labels = (random.random(1_000) < 0.2).astype(float)
    swap = swap_of(7, before, after, labels)
    table = pd.crosstab(before, after)
    cells = (swap.both, swap.swapped_out, swap.swapped_in, swap.neither)
    assert cells == (table[True][True], table[False][True], table[True][False], table[False][False])
    assert swap.bad_rate_in == pytest.approx(labels[after & ~before].mean())
    assert swap.bad_rate_out == pytest.approx(labels[before & ~after].mean())
    nobody = swap_of(7, before, before, labels)
    assert (nobody.bad_rate_in, nobody.bad_rate_out) == (None, None)


def ratios_of(sizes: dict[str, int], approve_points: float):
    groups = np.repeat(np.array(list(sizes), dtype=object), list(sizes.values()))
    log_odds = (
        np.where(groups == "old", -2.0, 0.0) + np.tile([0.0, 3.0], len(groups))[: len(groups)]
    )
    judgement = Policy(approve_points, approve_points), Scaling()
    labels = np.tile([0.0, 1.0], len(groups))[: len(groups)]
    return approval_ratios(group_report({"age": groups}, labels, (log_odds, log_odds), judgement))


def test_groups_have_a_ratio_where_there_are_two_large_ones_and_somebody_is_approved():
    points = float(points_many(np.array([-1.0]), Scaling())[0])
    assert ratios_of({"old": 200, "young": 100, "tiny": 14}, points) == ((("age", 0.0),), ())
    assert ratios_of({"old": 200, "young": 100}, 9_000.0) == ((("age", None),), ())
    one = ("approval_ratio by age", Why.ONE_GROUP)
    assert ratios_of({"old": 200, "young": 99}, points) == ((), (one,))
    assert approval_ratios([]) == ((), (("approval_ratio", Why.NO_ATTRIBUTE),))
