"""WOE are held against what became of the rows: all of them, and each variable's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from risk.importing.signs import Told, require_sign
from risk.scorecard.binning import Binned, counted
from risk.scorecard.bins import NumericBins

COLUMN = np.repeat(np.float32([0, 1, 2]), 1000)


def seen(name: str, *rates: float) -> Binned:
    """Three bins of 1000 rows with these bad rates."""
    labels = np.concatenate([np.arange(1000) < 1000 * rate for rate in rates]).astype(float)
    return counted(name, NumericBins((0.5, 1.5)), COLUMN, labels)


AGE, DEBT = seen("age", 0.3, 0.2, 0.1), seen("debt", 0.1, 0.2, 0.3)


@given(st.lists(st.floats(0.02, 0.9), min_size=3, max_size=3, unique_by=lambda one: round(one, 2)))
def test_woe_of_the_rows_themselves_pass_and_turned_ones_do_not(rates):
    one = seen("age", *rates)
    require_sign([Told(one, one.woe[:3])], "bad/good", "c.csv")
    with pytest.raises(BadInput, match=r"c\.csv: its WOE are of the other sign"):
        require_sign([Told(one, -one.woe[:3])], "bad/good", "c.csv")


def test_one_variable_of_the_other_sign_is_named():
    told = [Told(AGE, 3 * AGE.woe[:3]), Told(DEBT, -DEBT.woe[:3])]
    with pytest.raises(BadInput, match=r"c\.csv: debt: its WOE run against its bad rates"):
        require_sign(told, "bad/good", "c.csv")


def test_a_variable_that_says_nothing_or_has_no_woe_is_let_be():
    flat = seen("flat", 0.2, 0.201, 0.2)
    nothing = np.full(3, np.nan)
    told = [Told(AGE, AGE.woe[:3]), Told(flat, np.array([0.0, -0.1, 0.0])), Told(DEBT, nothing)]
    require_sign(told, "bad/good", "c.csv")
    require_sign([Told(DEBT, nothing)], "good/bad", "c.csv")
