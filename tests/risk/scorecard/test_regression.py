"""The regression is statsmodels', and says so where no solution exists."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.outliers_influence import variance_inflation_factor

from finmodel.errors import BadInput
from risk.scorecard.regression import fit_logistic, vif

RANDOM = np.random.default_rng(11)
DESIGN = RANDOM.normal(size=(2000, 4)) @ np.array(
    [[1, 0.6, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0.1]]
)
LABELS = (RANDOM.random(2000) < 1 / (1 + np.exp(1.5 - DESIGN @ [0.8, 0.3, 0.0, -2.0]))) * 1.0


def test_coefficients_errors_and_p_values_are_those_of_statsmodels():
    ours = fit_logistic(DESIGN, LABELS)
    theirs = sm.Logit(LABELS, sm.add_constant(DESIGN)).fit(disp=0)
    np.testing.assert_allclose([ours.intercept, *ours.coefficients], theirs.params, rtol=1e-7)
    np.testing.assert_allclose(ours.errors, theirs.bse, rtol=1e-6)
    np.testing.assert_allclose(ours.p_values, theirs.pvalues, rtol=1e-6, atol=1e-300)


def test_a_weight_is_so_many_rows():
    times = RANDOM.integers(0, 4, len(LABELS))
    ours = fit_logistic(DESIGN, LABELS, weights=times.astype(np.float64))
    many = fit_logistic(np.repeat(DESIGN, times, axis=0), np.repeat(LABELS, times))
    np.testing.assert_allclose(ours.coefficients, many.coefficients, rtol=1e-9)
    np.testing.assert_allclose(ours.errors, many.errors, rtol=1e-9)


def test_vif_is_that_of_statsmodels():
    whole = sm.add_constant(DESIGN)
    theirs = [variance_inflation_factor(whole, place) for place in range(1, 5)]
    np.testing.assert_allclose(vif(DESIGN), theirs, rtol=1e-8)
    assert np.isinf(vif(np.column_stack([DESIGN, DESIGN[:, 0]]))).all()
    assert vif(DESIGN[:, :1]).tolist() == [1.0]


def test_where_it_begins_does_not_matter():
    cold, warm = fit_logistic(DESIGN, LABELS), fit_logistic(DESIGN, LABELS, np.full(4, 0.5))
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, rtol=1e-9)


@pytest.mark.parametrize(
    "design",
    [np.column_stack([LABELS]), np.column_stack([DESIGN[:, 0], DESIGN[:, 0]])],
    ids=["parts goods and bads", "twins"],
)
def test_no_solution_is_a_sentence(design):
    with pytest.raises(BadInput, match="has no solution"):
        fit_logistic(design, LABELS)
