"""A simulation on a screen and as JSON: no bad rate of a few, against pandas."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from risk.policy.answers import ANSWERS
from risk.policy.file import Economics
from risk.policy.simulation import History, Side, figures_of
from serving.simulation import Simulation
from serving.simulation_report import show_simulation

ROWS = 400


@pytest.fixture(scope="module")
def told():
    """The same decisions as a table, and their simulation: 12 are swapped in, 80 stay approved."""
    rng = np.random.default_rng(9)
    table = pd.DataFrame({"points": rng.permutation(np.arange(400.0, 800.0))})
    table["was"], table["now"] = table.points >= 720, table.points >= 708
    table["bad"] = np.where(rng.random(ROWS) < 0.6, (rng.random(ROWS) < 0.2) * 1.0, np.nan)

    def side(approved: pd.Series) -> Side:
        yes, no = ANSWERS.index("approve"), ANSWERS.index("decline")
        answers = np.where(approved, yes, no).astype(np.int8)
        return Side(answers, np.zeros(ROWS, bool), np.full(ROWS, 1_000.0))

    one = np.ones(ROWS)
    history = History(
        was=side(table.was), now=side(table.now), points=table.points.to_numpy(),
        probability=0.2 * one, stopped=np.zeros(ROWS, bool), bad=table.bad.to_numpy(), weight=one,
        rate_bps=1_800 * one, lendable=1_000 * one, months=12 * one,
    )  # fmt: skip
    figures = figures_of(history, Economics(6_000, 400))
    return table, Simulation(
        "p", "0" * 64, "m version 1", "2026-01-01", "2026-02-01", figures, 0, 0, 0, 0, 0, 0, "f.csv"
    )


def same(found: float | None, bad: pd.Series) -> bool:
    """Whether a rate is that of the matured, and none where they are fewer than thirty."""
    known = bad.dropna()
    return found is None if len(known) < 30 else found == pytest.approx(known.mean())


def test_a_rate_is_told_of_at_least_30_matured_decisions(told, capsys):
    table, found = told
    show_simulation(found, True)
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert same(figures["bad_rate_was"], table.bad[table.was])
    assert same(figures["bad_rate_now"], table.bad[table.now])
    rates = []
    for cell in figures["swap_set"]:
        rows = (table.was == (cell["was"] == "approved")) & (
            table.now == (cell["now"] == "approved")
        )
        assert cell["matured"] == table.bad[rows].notna().sum()
        assert same(cell["bad_rate"], table.bad[rows])
        rates.append((cell["matured"], cell["bad_rate"]))
    assert any(0 < n < 30 for n, _ in rates)
    assert sum(rate is not None for _, rate in rates) == 2
    for cut in figures["cut_offs"]:
        above, below = table.points >= cut["points"], table.points < cut["points"]
        assert same(cut["bad_rate"], table.bad[above])
        few = table.bad[below].notna().sum() < 30
        lift = None if few else table.bad[below].mean() / table.bad.mean()
        assert cut["lift"] == (None if few else pytest.approx(lift))
    assert any(0 < cut["matured"] < 30 for cut in figures["cut_offs"])


def test_a_screen_says_that_they_are_too_few_not_that_none_is_mature(told, capsys):
    show_simulation(told[1], False)
    text = capsys.readouterr().out
    few = 1 + sum(0 < cut.matured < 30 for cut in told[1].figures.cut_offs)
    assert text.count("too few") == few
    cells = [replace(cell, matured=0) for cell in told[1].figures.swap_set]
    none_mature = replace(told[1], figures=replace(told[1].figures, swap_set=tuple(cells)))
    assert "not mature" not in text
    show_simulation(none_mature, False)
    # Three of the four cells: nobody is swapped out.
    assert capsys.readouterr().out.count("not mature 未成熟") == 3


def test_a_cell_of_no_decision_is_a_dash(told, capsys):
    """Nobody is swapped out here: neither 'not mature' nor 'not scored' is true of nobody."""
    table, found = told
    assert not (table.was & ~table.now).any()
    show_simulation(found, False)
    rows = capsys.readouterr().out.splitlines()
    empty = next(
        row.split() for row in rows if row.startswith("approved") and " not approved" in row
    )
    assert empty == ["approved", "not", "approved", "0", "0", "–", "–"]
