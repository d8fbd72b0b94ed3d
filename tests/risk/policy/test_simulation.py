"""Figures of a simulation against arithmetic by hand, and against a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest

from risk.policy.draws import draw
from risk.policy.file import Economics
from risk.policy.many import ANSWERS
from risk.policy.simulation import History, Side, cut_offs, expected_profit, figures_of, joined

ECONOMICS = Economics(loss_given_default_bps=5_000, funding_cost_bps=400)
NONE = float("nan")


def side(answers: list[str], by_lot: list[bool], lent: list[float]) -> Side:
    codes = np.array([ANSWERS.index(one) for one in answers], dtype=np.int8)  # type: ignore[arg-type]
    return Side(codes, np.array(by_lot), np.array(lent, dtype=np.float64))


def history(**changes) -> History:
    """Four applications: one stays, one is swapped out, one by lot is swapped in, one stays out."""
    columns = {
        "was": side(
            ["approve", "approve", "approve", "decline"],
            [False, False, True, False],
            [1000, 2000, 500, 0],
        ),
        "now": side(["approve", "refer", "approve", "decline"], [False] * 4, [1000, 0, 800, 0]),
        "points": np.array([620.0, 600.0, 580.0, NONE]),
        "probability": np.array([0.01, 0.1, 0.2, NONE]),
        "stopped": np.array([False, False, False, True]),
        "bad": np.array([0.0, 1.0, 1.0, NONE]),
        "weight": np.array([1.0, 1.0, 50.0, 1.0]),
        "rate_bps": np.array([1200.0, 1200, 2400, 2400]),
        "lendable": np.array([1000.0, 2000, 800, 100]),
        "months": np.array([12.0, 12, 6, 12]),
    }
    return History(**(columns | changes))


def test_every_figure_by_hand():
    figures = figures_of(history(), ECONOMICS)
    assert (figures.decisions, figures.matured) == (4, 3)
    assert (figures.approval_was, figures.approval_now) == (0.75, 0.5)
    assert (figures.by_lot_was, figures.by_lot_now) == (1, 0)
    assert figures.bad_rate_was == pytest.approx(1 / 2)
    assert figures.bad_rate_now == pytest.approx(50 / 51)
    assert figures.expected_loss_was_minor == round(0.5 * (10 + 200 + 100))
    assert figures.expected_loss_now_minor == round(0.5 * (10 + 160))
    cells = {
        (cell.was, cell.now): (cell.count, cell.matured, cell.bad_rate) for cell in figures.swap_set
    }
    assert cells == {
        ("approved", "approved"): (1, 1, 0.0),
        ("approved", "not approved"): (1, 1, 1.0),
        ("not approved", "approved"): (1, 1, 1.0),
        ("not approved", "not approved"): (1, 0, None),
    }
    assert figures.changes == {"approve → refer": 1}


def test_profit_is_margin_on_half_the_loan_less_the_loss():
    profit = expected_profit(history(), ECONOMICS)
    assert profit[0] == pytest.approx(0.99 * 1000 * 0.08 / 2 - 0.01 * 500)
    assert profit[2] == pytest.approx(0.8 * 800 * 0.20 / 4 - 0.2 * 400)


def test_a_cut_off_says_what_lies_above_it_and_how_much_worse_the_rest_is():
    cuts = {round(cut.points): cut for cut in cut_offs(history(), ECONOMICS)}
    lowest, above = cuts[580], next(cut for points, cut in cuts.items() if 580 < points <= 600)
    assert (lowest.approval, lowest.matured, lowest.lift) == (0.75, 3, None)
    assert lowest.bad_rate == pytest.approx(51 / 52)
    assert (above.approval, above.matured, above.bad_rate) == (0.5, 2, 0.5)
    assert above.lift == pytest.approx(1.0 / (51 / 52))
    profit = expected_profit(history(), ECONOMICS)
    assert above.profit_minor == round(float(profit[0] + profit[1]))


def test_where_nothing_is_mature_no_rate_is_told():
    figures = figures_of(history(bad=np.full(4, NONE)), ECONOMICS)
    assert figures.matured == 0
    assert (figures.bad_rate_was, figures.bad_rate_now) == (None, None)
    assert {cell.bad_rate for cell in figures.swap_set} == {None}
    assert {(cut.bad_rate, cut.lift) for cut in figures.cut_offs} == {(None, None)}


def test_where_nobody_was_scored_there_is_no_table():
    assert cut_offs(history(points=np.full(4, NONE)), ECONOMICS) == ()


def test_parts_are_one_after_the_other():
    whole = joined([history(), history()])
    assert figures_of(whole, ECONOMICS).decisions == 8
    assert joined([whole]) is whole


def test_the_lane_tells_the_bad_rate_of_those_whom_the_points_decline():
    """Outcomes exist of the approved only; weighted by 1/propensity they tell of everybody."""
    rows, share = 60_000, 0.05
    random = np.random.default_rng(4)
    points = random.normal(560, 40, rows)
    pd = 1 / (1 + np.exp((points - 500) / 20))
    truth = (random.random(rows) < pd).astype(float)
    lane = np.array([draw("lane", "s", str(row)) for row in range(rows)]) < share
    above = points >= 560
    seen = above | lane
    history_ = History(
        was=Side(np.where(seen, 0, 2).astype(np.int8), ~above & lane, np.ones(rows)),
        now=Side(np.zeros(rows, np.int8), np.zeros(rows, bool), np.ones(rows)),
        points=points,
        probability=pd,
        stopped=np.zeros(rows, bool),
        bad=np.where(seen, truth, NONE),
        weight=np.where(above, 1.0, 1 / share),
        rate_bps=np.full(rows, 1200.0),
        lendable=np.ones(rows),
        months=np.full(rows, 12.0),
    )
    figures = figures_of(history_, ECONOMICS)
    assert figures.bad_rate_now == pytest.approx(truth.mean(), rel=0.05)
    naive = truth[seen].mean()
    assert naive < 0.6 * truth.mean()
    swapped_in = next(cell for cell in figures.swap_set if cell.was == "not approved")
    assert swapped_in.bad_rate == pytest.approx(truth[~above].mean(), rel=0.05)
