"""The walk through the quarters: nothing of the tested quarter or later moves score or choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import _walk_forward as walk
from benchmarks._walk_forward import SETTINGS, Calls, auc_of, chosen, scores_of


def calls(rows: int = 600, quarters: int = 4) -> Calls:
    random = np.random.default_rng(3)
    matrix = random.normal(size=(rows, 4)).astype(np.float32)
    matrix[:, 1] = random.integers(0, 3, rows)
    matrix[random.random(rows) < 0.1, 0] = np.nan
    labels = (np.nan_to_num(matrix[:, 0]) + random.normal(size=rows) > 0.3).astype(np.float64)
    quarter = np.sort(random.integers(0, quarters, rows))
    return Calls(matrix, ("a", "kind", "day", "month"), ("kind",), labels, quarter)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(walk, "ROUNDS", 10)
    monkeypatch.setattr(walk, "SEEDS", 1)


@pytest.mark.parametrize("half_life", [None, 1.0])
def test_scores_know_no_label_of_the_tested_quarter_or_later(half_life):
    told = calls()
    other = replace(told, labels=np.where(told.quarter >= 2, 1 - told.labels, told.labels))
    first, again = (scores_of(one, half_life, True, 2) for one in (told, other))
    for setting, scores in first.items():
        np.testing.assert_array_equal(scores, again[setting])
        assert auc_of(told, 2, scores) > 0.6
        assert auc_of(other, 2, scores) == pytest.approx(1 - auc_of(told, 2, scores))


def test_without_the_calendar_day_and_month_are_not_read():
    told = calls()
    moved = told.matrix.copy()
    moved[:, 2:] = moved[::-1, 2:]
    other = replace(told, matrix=moved)
    for calendar in (False, True):
        first, again = (scores_of(one, None, calendar, 2) for one in (told, other))
        same = [np.array_equal(first[one], again[one]) for one in first]
        assert all(same) != calendar


def test_the_choice_is_made_on_earlier_quarters_the_newest_counting_most():
    steady, late = SETTINGS[:2]
    auc = {(setting, quarter): 0.5 for setting in SETTINGS for quarter in range(1, 5)}
    auc |= {(steady, 1): 0.7, (steady, 2): 0.5, (late, 1): 0.5, (late, 2): 0.65, (late, 3): 0.1}
    assert chosen(auc, 2) == steady
    assert chosen(auc, 3) == late  # (0.5 / 2 + 0.65) / 1.5 = 0.60, of the steady 0.57
    assert chosen(auc, 3, forgets=1.0) == steady  # 0.600, of the late 0.575
