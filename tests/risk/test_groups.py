"""Group figures, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from finmodel.manifest import Policy, Scaling
from risk.groups import group_report
from risk.scaling import points_many, probability


def test_each_group_against_pandas():
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "sex": random.choice(["1", "2"], 900, p=[0.4, 0.6]),
            "log_odds": random.normal(-1.4, 1.0, 900),
        }
    )
    frame["bad"] = (random.random(900) < probability(frame.log_odds.to_numpy())).astype(float)
    policy, scaling = Policy(530, 510), Scaling()
    frame["approved"] = points_many(frame.log_odds.to_numpy(), scaling) >= 530
    report = group_report(
        {"sex": frame.sex.to_numpy(dtype=object)},
        frame.bad.to_numpy(),
        (frame.log_odds.to_numpy(), frame.log_odds.to_numpy() - 0.7),  # a base rate added 0.7
        (policy, scaling),
    )
    assert [row.group for row in report] == ["2", "1"]
    best = frame.groupby("sex").approved.mean().max()
    for row in report:
        part = frame[frame.sex == row.group]
        assert row.rows == len(part)
        assert row.bad_rate == pytest.approx(part.bad.mean())
        assert row.mean_pd == pytest.approx((1 / (1 + np.exp(0.7 - part.log_odds))).mean())
        assert row.approval_rate == pytest.approx(part.approved.mean())
        assert row.approval_ratio == pytest.approx(part.approved.mean() / best)
        assert row.auc == pytest.approx(roc_auc_score(part.bad, part.log_odds))


def test_a_group_of_one_class_has_no_auc():
    groups = {"age": np.array(["old", "old", "young", "young"], dtype=object)}
    labels, log_odds = np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(4)
    report = group_report(groups, labels, (log_odds, log_odds), (Policy(9, 9), Scaling()))
    assert {row.group: row.auc for row in report} == {"old": None, "young": 0.5}


def test_a_handful_is_no_base_and_has_no_ratio():
    """All 14 of a group are approved, and every second one of the others."""
    groups = np.repeat(np.array(["few", "many", "more"], dtype=object), [14, 100, 200])
    log_odds = np.where(groups == "few", -9.0, np.tile([-9.0, 9.0], 157))
    log_odds[-100:] = 9.0
    labels = np.tile([0.0, 1.0], 157)
    report = group_report(
        {"age": groups}, labels, (log_odds, log_odds), (Policy(600, 600), Scaling())
    )
    assert {row.group: row.approval_ratio for row in report} == {
        "more": 0.5,
        "many": 1.0,
        "few": None,
    }
    nobody = group_report(
        {"age": groups}, labels, (log_odds, log_odds), (Policy(9e9, 0), Scaling())
    )
    assert {row.approval_ratio for row in nobody} == {None}
