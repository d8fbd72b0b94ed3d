"""Each filter drops what it should, with its reason in two languages; PSI is the textbook's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from risk.scorecard.binning import bin_variables
from risk.scorecard.selection import Reason, Screened, psi, screen
from risk.scorecard_recipe import ScorecardSpec

RANDOM = np.random.default_rng(6)
ROWS = 4000
SIGNAL = RANDOM.normal(size=ROWS).astype(np.float32)
LABELS = (RANDOM.random(ROWS) < 1 / (1 + np.exp(1 - 1.5 * SIGNAL))) * 1.0


def rare(share: float, of: np.ndarray, otherwise: float) -> np.ndarray:
    values = of.copy()
    values[RANDOM.random(ROWS) > share] = otherwise
    return values


COLUMNS = {
    "signal": SIGNAL,
    "twin": SIGNAL + RANDOM.normal(size=ROWS).astype(np.float32) * 0.2,
    "noise": RANDOM.normal(size=ROWS).astype(np.float32),
    "empty": rare(0.02, SIGNAL, np.nan),
    "flat": rare(0.02, SIGNAL, 3.0),
    "hand": SIGNAL * RANDOM.normal(size=ROWS).astype(np.float32),
    "moved": SIGNAL + RANDOM.normal(size=ROWS).astype(np.float32) * 2,
}
LATER = COLUMNS | {"moved": COLUMNS["moved"] + 3}
SPEC = ScorecardSpec(exclude={"hand": "口径不清"})


def screened(later) -> dict[str, Screened]:
    binned = bin_variables(COLUMNS, LABELS, SPEC, {})
    return {row.name: row for row in screen(binned, COLUMNS, later, SPEC)}


def test_each_variable_that_is_dropped_has_its_reason():
    rows = screened(LATER)
    assert {name for name, row in rows.items() if not row.dropped} == {"signal"}
    assert rows["twin"].dropped.en.startswith("correlated with signal (+0.")
    assert rows["twin"].dropped.zh.startswith("与 signal (+0.")
    assert rows["noise"].dropped.en.startswith("IV 0.0")
    assert rows["empty"].dropped == Reason(
        f"缺失率 {rows['empty'].missing_share:.3f} 高于 0.95",
        f"missing share {rows['empty'].missing_share:.3f} above 0.95",
    )
    assert rows["flat"].dropped.en.startswith("share of one value 0.97")
    assert rows["hand"].dropped == Reason("手工排除：口径不清", "excluded by hand: 口径不清")
    assert rows["moved"].dropped.en.startswith("PSI ")
    assert list(rows) == sorted(rows, key=lambda name: -rows[name].iv)


def test_without_a_later_part_nothing_is_said_of_stability():
    rows = screened(None)
    assert {row.psi for row in rows.values()} == {None}
    assert not rows["moved"].dropped.en.startswith("PSI")


def test_shares_are_those_of_the_column():
    rows = screened(None)
    assert rows["empty"].missing_share == np.isnan(COLUMNS["empty"]).mean()
    assert rows["flat"].mode_share == (COLUMNS["flat"] == 3.0).mean()


@pytest.mark.parametrize(
    ("iv", "band"),
    [(0.019, "useless"), (0.02, "weak"), (0.1, "medium"), (0.3, "strong"), (0.5, "suspicious")],
)
def test_iv_has_its_bands(iv, band):
    assert band in Screened("x", iv, 0, 0, None, Reason()).band


def test_psi_is_the_sum_of_both_divergences():
    e, a = np.array([500, 300, 200]), np.array([40, 40, 20])
    assert psi(e, a) == pytest.approx(entropy(e, a) + entropy(a, e))
    assert psi(e, e) == 0.0
    assert psi(np.array([50, 50, 0]), np.array([50, 0, 50])) > 2.0
    assert np.isfinite(psi(np.array([100, 0]), np.array([0, 100])))
