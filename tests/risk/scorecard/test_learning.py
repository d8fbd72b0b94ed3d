"""A card learns nothing from rows that judge, is scikit-learn's, and says what it dropped."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from finmodel.errors import BadInput
from finmodel.manifest import Scaling
from finmodel.metrics import calibration
from finmodel.progress import silent
from risk.calibrate import Wanted
from risk.frames.frame import TrainingFrame
from risk.frames.split import Parts, fold_numbers
from risk.frames.table import load_table
from risk.learning import (
    only,
)
from risk.scorecard.card import log_odds_of, points_of
from risk.scorecard.columns import columns_of
from risk.scorecard.export import sql_query
from risk.scorecard.learning import (
    CardTeaching,
    card_teaching,
    judge_card_by_folds,
    judge_card_by_time,
    learn_card,
)
from risk.scorecard.selection import woe_of
from risk.scorecard.side_by_side import learn_side
from risk.scorecard_recipe import ScorecardSpec
from tests.risk.small_card import developed, recipe_of
from tests.risk.small_lender import loans

ROWS = 3000
RANDOM = np.random.default_rng(5)
TEACHING = CardTeaching("t", ScorecardSpec(), {}, Scaling(), Wanted(), 3, 1, "r.yaml")
EVERY = only(np.arange(ROWS))


def frame_of() -> TrainingFrame:
    matrix = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
    matrix[:, 3] = (
        matrix[:, 0] * 0.75 + matrix[:, 3] * 0.5
    )  # rises with a, and takes part of it away
    signal = 2.0 * matrix[:, 0] + 0.8 * matrix[:, 1] - 0.9 * matrix[:, 3]
    labels = (RANDOM.random(ROWS) < 1 / (1 + np.exp(1 - signal))) * 1.0
    return TrainingFrame("t", np.arange(ROWS), tuple("abcd"), matrix, labels, None, {})


FRAME = frame_of()


def test_the_regression_is_scikit_learns_on_the_same_woe():
    learned = learn_card(FRAME, EVERY, TEACHING)
    columns = columns_of(FRAME, learned.entered)
    woe = np.column_stack([woe_of(learned.binned[name], columns[name]) for name in learned.entered])
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(woe, FRAME.labels)
    np.testing.assert_allclose(learned.fitted.coefficients, theirs.coef_[0], rtol=1e-4)
    # What the points say differs from the regression by their rounding alone.
    ours = log_odds_of(learned.card, columns)
    np.testing.assert_allclose(ours, theirs.decision_function(woe), atol=2e-3)


def test_a_wrong_sign_drops_the_variable_and_says_so():
    spec = ScorecardSpec(correlation_max=1.0)
    learned = learn_card(FRAME, EVERY, replace(TEACHING, spec=spec))
    rows = {row.name: row for row in learned.screened}
    assert learned.entered == ("a", "b")
    assert rows["d"].iv > 0.1
    assert rows["d"].dropped.en.startswith("wrong sign: coefficient -")
    assert rows["d"].dropped.zh.startswith("回归系数符号错误：-")
    assert (learned.fitted.coefficients > 0).all()
    assert rows["c"].dropped.en.startswith("IV ")


def test_a_variable_that_is_the_same_in_every_row_is_dropped_and_says_so():
    """Where the recipe opens every filter: a constant, and one that is missing everywhere."""
    matrix = FRAME.matrix.copy()
    matrix[:, 2], matrix[:, 3] = 7.0, np.nan
    spec = ScorecardSpec(iv_min=0.0, mode_max=1.0, missing_max=1.0)
    flat = replace(FRAME, matrix=matrix)
    learned = learn_card(flat, EVERY, replace(TEACHING, spec=spec))
    assert learned.entered == ("a", "b")
    dropped = {row.name: row.dropped for row in learned.screened if row.dropped}
    assert {name: reason.en for name, reason in dropped.items()} == {
        "c": "every row has the same WOE",
        "d": "every row has the same WOE",
    }
    assert dropped["c"].zh == "所有样本的 WOE 相同，无法区分"


def test_a_p_value_and_a_vif_drop_a_variable():
    # Bins were fitted to the outcome, so that even noise has a p-value of a thousandth.
    wanted = ScorecardSpec(iv_min=0.0, p_max=1e-4)
    doubtful = learn_card(FRAME, EVERY, replace(TEACHING, spec=wanted))
    reasons = {row.name: row.dropped.en for row in doubtful.screened}
    assert doubtful.entered == ("a", "b")
    assert reasons["c"].startswith("p-value 0.000")
    strict = replace(TEACHING, spec=ScorecardSpec(correlation_max=1.0, vif_max=1.0001))
    vifs = [row.dropped.en for row in learn_card(FRAME, EVERY, strict).screened]
    assert any(one.startswith("VIF ") for one in vifs)


def test_pure_noise_cannot_be_told_apart():
    """Were bins, filters or coefficients learnt from a row that judges, noise would look known."""
    noise = replace(FRAME, labels=np.random.default_rng(8).integers(0, 2, ROWS) * 1.0)
    eager = replace(TEACHING, spec=ScorecardSpec(iv_min=0.0, p_max=1.0, max_bins=15))
    judged = judge_card_by_folds(noise, EVERY.train, eager, 1)
    assert abs(judged.figures.auc - 0.5) < 0.03


def test_each_row_is_scored_by_a_card_that_did_not_see_it():
    judged = judge_card_by_folds(FRAME, EVERY.train, TEACHING, 1)
    assert judged.sample == "1 × 3 folds"
    fold = fold_numbers(FRAME.labels, 3, TEACHING.seed)
    test = np.flatnonzero(fold == 1)
    learned = learn_card(FRAME, only(np.flatnonzero(fold != 1)), TEACHING)
    expected = log_odds_of(learned.card, columns_of(FRAME, learned.entered, test))
    np.testing.assert_array_equal(judged.log_odds[test], expected)


def test_a_later_part_calibrates_and_another_judges():
    rows = np.arange(ROWS)
    shifted = FRAME.labels.copy()
    shifted[2000:] = np.where(RANDOM.random(1000) < 0.5, 0.0, shifted[2000:])
    frame = replace(FRAME, labels=shifted)
    parts = Parts(rows[:2000], rows[2000:2500], rows[2500:])
    raw, calibrated = (
        learn_card(frame, parts, replace(TEACHING, calibration=Wanted(method)))
        for method in ("none", "platt")
    )
    line = calibration(
        shifted[2000:2500], log_odds_of(raw.card, columns_of(frame, "ab", parts.valid))
    )
    assert calibrated.line == line
    ratio = calibrated.card.variables[0].coefficient / raw.card.variables[0].coefficient
    assert ratio == pytest.approx(line.slope)
    figures = [judge_card_by_time(frame, parts, one).figures for one in (raw, calibrated)]
    assert abs(figures[1].calibration_intercept) < abs(figures[0].calibration_intercept)
    assert figures[1].brier < figures[0].brier


@pytest.mark.parametrize("later", [0, 500])
def test_a_stated_base_rate_moves_the_card_as_it_moves_the_trees(later):
    rows = np.arange(ROWS)
    parts = Parts(rows[:2000], rows[2000 : 2000 + later], rows[2500:])
    even, moved = (
        learn_card(FRAME, parts, replace(TEACHING, calibration=wanted))
        for wanted in (Wanted("platt"), Wanted("base_rate", base_rate=0.02))
    )
    s = FRAME.labels[parts.valid if later else parts.train].mean()
    shift = np.log(0.02 / 0.98) - np.log(s / (1 - s))
    assert moved.shift == pytest.approx(shift)
    columns = columns_of(FRAME, even.entered, parts.oot)
    gained = log_odds_of(moved.card, columns) - log_odds_of(even.card, columns)
    # Points are rounded to two decimals, and a card is its points.
    np.testing.assert_allclose(gained, shift, atol=2e-3)
    judged = [judge_card_by_time(FRAME, parts, one).figures for one in (even, moved)]
    assert judged[1].brier == pytest.approx(judged[0].brier, abs=1e-4)


def test_labels_without_any_cause_leave_no_card():
    noise = replace(FRAME, labels=np.random.default_rng(8).integers(0, 2, ROWS) * 1.0)
    with pytest.raises(BadInput, match="scorecard: no variable is left for a scorecard"):
        learn_card(noise, EVERY, TEACHING)


def test_taught_twice_it_is_the_same_card():
    assert learn_card(FRAME, EVERY, TEACHING).card == learn_card(FRAME, EVERY, TEACHING).card


def test_special_values_of_the_table_have_bins_of_their_own():
    development = developed()
    side, frame = development.side, development.frame
    assert side is not None
    income = side.learned.binned["income"]
    assert income.bins.special == (-9999.0, -1.0)
    assert (
        income.rows[income.bins.ranges]
        == (frame.as_written[development.parts.train, frame.names.index("income")] == -9999).sum()
    )
    # The trees take them as missing.
    assert np.isnan(frame.matrix[:, frame.names.index("income")]).sum() > 50
    job = next(one for one in side.learned.card.variables if one.name == "job")
    named = [name for group in job.bins.groups for name in group]
    assert sorted(named) == ["clerk", "driver", "nurse"]
    columns = columns_of(frame, side.learned.entered)
    assert np.isfinite(points_of(side.learned.card, columns)).all()


@pytest.mark.parametrize(
    ("scorecard", "said"),
    [
        ({"cuts": {"wage": [1]}}, "scorecard.cuts: 'wage' is no numeric feature; take it out"),
        ({"cuts": {"job": [1]}}, "scorecard.cuts: 'job' is no numeric feature"),
        ({"groups": {"income": [["a"]]}}, "groups: 'income' is no categorical feature"),
        ({"exclude": {"sex": "x"}}, "scorecard.exclude: 'sex' is no feature"),
        ({"special_values": {"job": [1]}}, "special_values: 'job' is no numeric feature"),
        (
            {"special_values": {"income": [-9999.0001]}},
            "scorecard.special_values, with those of source.table: special_values of income: two",
        ),
        ({"cuts": {"debt_count": [1, 3, 5]}}, "debt_count: the bad rate neither only rises nor"),
        ({"cuts": {"income": [100]}}, r"bin \(-∞, 100\) holds 0.0% of the rows, under 5%"),
        ({"groups": {"job": [["clerk"], ["driver"]]}}, "rows have a category that stands in no"),
    ],
)
def test_edits_that_do_not_hold_are_one_sentence(tmp_path, scorecard, said):
    recipe = recipe_of(tmp_path, loans(), scorecard=scorecard)
    frame = load_table(recipe)
    with pytest.raises(BadInput, match=said):
        learn_side(recipe, frame, only(np.arange(len(frame))), silent)


def test_edits_by_hand_are_in_the_card(tmp_path):
    edits = {"cuts": {"income": [5000, 9000]}, "groups": {"job": [["clerk", "nurse"], ["driver"]]}}
    recipe = recipe_of(tmp_path, loans(), scorecard=edits)
    frame = load_table(recipe)
    teaching = card_teaching(recipe, frame)
    learned = learn_card(frame, only(np.arange(len(frame))), teaching)
    bins = {one.name: one.bins for one in learned.card.variables}
    assert bins["income"].cuts == (5000.0, 9000.0)
    assert bins["job"].groups == (("clerk", "nurse"), ("driver",))


def all_bad_where_special(tmp_path, **scorecard):
    """A card by hand; of 3,000 loans some 150 have no income (-9999), all of them bad."""
    table = loans(ROWS)
    table.loc[table["income"] == -9999, "bad"] = 1
    recipe = recipe_of(tmp_path, table, scorecard=scorecard)
    frame = load_table(recipe)
    every = only(np.arange(len(frame)))
    return learn_card(frame, every, card_teaching(recipe, frame)), frame


@pytest.mark.parametrize("cuts", [{}, {"debt_total": [], "income": []}], ids=["found", "none"])
def test_a_special_value_of_bads_alone_takes_more_points_than_any_range(tmp_path, cuts):
    learned, frame = all_bad_where_special(tmp_path, cuts=cuts, exclude={"debt_count": "-"})
    income = next(one for one in learned.card.variables if one.name == "income")
    counted = learned.binned["income"]
    special = income.bins.labels().index("特殊值 special -9999")
    assert counted.rows[special] == counted.bads[special] > 100
    assert income.points[special] < min(income.points[: income.bins.ranges]) - 50
    # What teaches the regression besides is worth little: 20 times as surely bad as not.
    columns = columns_of(frame, learned.entered)
    mean = 1 / (1 + np.exp(-log_odds_of(learned.card, columns)))
    assert mean[columns["income"] == -9999].min() > 0.95
    assert mean.mean() == pytest.approx(frame.labels.mean(), abs=2e-3)


def test_a_lone_variable_with_a_bin_of_bads_has_the_coefficient_1_of_its_own_woe():
    """Its rows and the half rows meet the WOE's odds, up to what half a row weighs."""
    values = np.where(np.arange(ROWS) < 150, -9999, FRAME.matrix[:, 1]).astype(np.float32)
    labels = np.where(np.arange(ROWS) < 150, 1.0, FRAME.labels)
    lone = TrainingFrame("t", np.arange(ROWS), ("a",), values[:, None], labels, None, {})
    for cuts in ({}, {"a": ()}):
        spec = ScorecardSpec(special_values={"all": (-9999.0,)}, cuts=cuts)
        learned = learn_card(lone, EVERY, replace(TEACHING, spec=spec))
        assert learned.fitted.coefficients == pytest.approx([1.0], abs=0.01)


@pytest.mark.parametrize("lacking", [20, 50], ids=["WOE 0", "a WOE of its own"])
def test_rare_bads_and_many_bins_of_goods_alone_leave_the_promise_as_it_was(lacking):
    """Twenty variables, each missing for some who are all good: the PDs still sum to the bads."""
    random = np.random.default_rng(8)
    rows, variables = 5_000, 20
    matrix = random.normal(size=(rows, variables)).astype(np.float32)
    odds = -5.0 + matrix[:, :4].sum(axis=1) * 0.6
    labels = (random.random(rows) < 1 / (1 + np.exp(-odds))) * 1.0
    goods = np.flatnonzero(labels == 0)
    for column in range(variables):
        matrix[random.choice(goods, lacking, replace=False), column] = np.nan
    names = tuple(f"v{number:02}" for number in range(variables))
    rare = TrainingFrame("t", np.arange(rows), names, matrix, labels, None, {})
    spec = ScorecardSpec(iv_min=0.0, p_max=1.0, vif_max=100.0, correlation_max=1.0)
    learned = learn_card(rare, only(np.arange(rows)), replace(TEACHING, spec=spec))
    assert sum(one.one_sided.any() for one in learned.binned.values()) >= 4
    columns = columns_of(rare, learned.entered)
    promised = 1 / (1 + np.exp(-log_odds_of(learned.card, columns)))
    assert promised.sum() == pytest.approx(labels.sum(), rel=2e-3)


def test_a_card_with_bins_of_one_outcome_is_its_sql(tmp_path):
    learned, frame = all_bad_where_special(tmp_path, cuts={"income": [5000, 9000]})
    columns = columns_of(frame, learned.entered)
    features = pd.DataFrame(columns)  # what the query reads
    told = duckdb.sql(sql_query(learned.card, "features")).fetchnumpy()["points"]
    assert len(features) == ROWS
    np.testing.assert_array_equal(told, points_of(learned.card, columns))


def test_a_best_bin_without_a_bad_is_worth_the_most_points(tmp_path):
    table = loans(ROWS)
    table.loc[table["income"] > 15_000, "bad"] = 0
    cuts = {"income": [6_000, 9_000, 15_000]}
    recipe = recipe_of(tmp_path, table, scorecard={"cuts": cuts}, monotone={"income": -1})
    frame = load_table(recipe)
    side = learn_side(recipe, frame, only(np.arange(len(frame))), silent)
    income = next(one for one in side.learned.card.variables if one.name == "income")
    assert side.learned.binned["income"].bads[3] == 0
    assert np.diff(income.points[:4]).min() > 0
