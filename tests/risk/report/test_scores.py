"""Bands and curves of scores, by pandas and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from risk.report.scores import band_edges, curve, score_bands

RANDOM = np.random.default_rng(3)
LABELS = (RANDOM.random(3000) < 0.3) * 1.0
POINTS = 560 + 25 * RANDOM.normal(size=3000) - 20 * LABELS


def test_bands_are_pandas_groups():
    table = score_bands("x", LABELS, POINTS)
    edges = [-np.inf, *band_edges(POINTS), np.inf]
    grouped = pd.Series(LABELS).groupby(pd.cut(POINTS, edges, right=False), observed=True)
    assert [row[1] for row in table.rows] == grouped.size().tolist()
    np.testing.assert_allclose([row[4] for row in table.rows], grouped.mean())
    np.testing.assert_allclose([row[5] for row in table.rows], grouped.mean() / LABELS.mean())
    assert len(table.rows) == 10


def test_equal_scores_are_one_band():
    (row,) = score_bands("x", LABELS, np.full(3000, 540.0)).rows
    assert (row[0], row[1], row[5]) == ("全部 all", 3000, 1.0)


def test_the_curve_lies_on_the_roc_curve():
    fpr, tpr, _ = roc_curve(LABELS, -POINTS, drop_intermediate=False)
    on_it = set(zip(fpr.round(9), tpr.round(9), strict=True))
    rows = curve("x", LABELS, -POINTS).rows
    assert len(rows) == 51
    assert {(round(goods, 9), round(bads, 9)) for _, bads, goods, _ in rows} <= on_it
