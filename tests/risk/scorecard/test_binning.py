"""Bins hold what optbinning says they hold; edits by hand are kept, or refused in a sentence."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from optbinning import OptimalBinning

from finmodel.errors import BadInput
from finmodel.lender import credit_default
from risk.scorecard.binning import FEWEST, bin_variables, counted, require_edits_hold
from risk.scorecard.bins import CategoryBins, NumericBins
from risk.scorecard_recipe import ScorecardSpec

TABLE = credit_default.load()
LABELS = TABLE["DEFAULT"].to_numpy(np.float64)
RANDOM = np.random.default_rng(4)


def column(name: str, missing: float = 0.0, special: float = 0.0) -> np.ndarray:
    values = TABLE[name].to_numpy(np.float32).copy()
    values[RANDOM.random(len(values)) < missing] = np.nan
    values[RANDOM.random(len(values)) < special] = -9999
    return values


def binned_one(values: np.ndarray, direction: int = 0, **spec):
    made = bin_variables({"x": values}, LABELS, ScorecardSpec(**spec), {"x": direction})
    return made["x"]


@pytest.mark.parametrize("name", ["LIMIT_BAL", "PAY_0", "PAY_AMT1", "BILL_AMT1"])
def test_counts_woe_and_iv_are_those_of_optbinning(name):
    values = column(name, missing=0.04, special=0.03)
    ours = binned_one(values, special_values={"all": (-9999.0,)})
    theirs = OptimalBinning(
        monotonic_trend="auto_asc_desc",
        user_splits=np.asarray(ours.bins.cuts, dtype=np.float32).astype(np.float64),
        user_splits_fixed=[True] * len(ours.bins.cuts),
        special_codes={"sentinel": -9999},
    ).fit(values.astype(np.float64), LABELS)
    table = theirs.binning_table.build()
    assert len(ours.bins) == len(table) - 1
    np.testing.assert_array_equal(ours.rows, table["Count"][:-1])
    np.testing.assert_array_equal(ours.bads, table["Event"][:-1])
    # optbinning's WOE is ln(good share / bad share): the other sign.
    np.testing.assert_allclose(ours.woe, -table["WoE"][:-1].astype(float), atol=1e-9)
    np.testing.assert_allclose(ours.iv.sum(), table["IV"].iloc[-1], atol=1e-9)


@pytest.mark.parametrize("name", ["LIMIT_BAL", "PAY_0", "PAY_AMT1"])
def test_its_splits_part_the_rows_as_optbinnings_do(name):
    values = column(name)
    ours = binned_one(values)
    theirs = OptimalBinning(
        solver="cp", monotonic_trend="auto_asc_desc", min_bin_size=0.05, max_n_bins=6,
        min_bin_n_event=1, min_bin_n_nonevent=1,
    ).fit(values.astype(np.float64), LABELS)  # fmt: skip
    assert len(theirs.splits) >= 2
    table = theirs.binning_table.build()
    np.testing.assert_array_equal(ours.rows[:-1], table["Count"][:-3])
    shares, rates = ours.rows[:-1] / len(values), ours.bad_rate[:-1]
    assert shares.min() >= 0.05
    assert (np.diff(rates) > 0).all() or (np.diff(rates) < 0).all()


def test_a_declared_direction_is_kept_though_the_data_run_the_other_way():
    assert np.diff(binned_one(column("LIMIT_BAL"), -1).bad_rate[:-1]).max() < 0
    against = binned_one(column("LIMIT_BAL"), 1)
    assert against.bins.ranges == 1 or np.diff(against.bad_rate[:-1]).min() > 0
    assert against.iv.sum() < 0.02


def test_missing_and_special_bins_with_few_rows_do_not_speak():
    values = column("LIMIT_BAL")
    values[: FEWEST - 1], values[100 : 100 + FEWEST] = np.nan, -9999
    ours = binned_one(values, special_values={"x": (-9999.0,)})
    assert ours.rows[-2:].tolist() == [FEWEST, FEWEST - 1]
    assert ours.woe[-1] == 0.0
    assert ours.woe[-2] != 0.0


@pytest.mark.parametrize(
    "values", [np.full(30_000, 7.0), np.full(30_000, np.nan)], ids=["constant", "all missing"]
)
def test_a_variable_that_is_constant_has_one_bin_and_knows_nothing(values):
    ours = binned_one(values.astype(np.float32))
    assert ours.bins.cuts == ()
    assert ours.iv.sum() == 0.0


def test_categories_are_grouped_and_counted():
    names = np.array(["graduate", "university", "school", "other"], dtype=object)
    values = names[np.clip(TABLE["EDUCATION"].to_numpy(), 1, 4) - 1]
    values[::50] = None
    ours = binned_one(values)
    assert sorted(name for group in ours.bins.groups for name in group) == sorted(names)
    for place, group in enumerate(ours.bins.groups):
        rows = np.isin(values.astype(str), group)
        assert (ours.rows[place], ours.bads[place]) == (rows.sum(), LABELS[rows].sum())
    assert ours.rows[ours.bins.missing] == 600


def edited(**spec) -> None:
    given = ScorecardSpec(**spec)
    columns = {"pay": column("PAY_0"), "age": column("AGE")}
    made = bin_variables(columns, LABELS, given, {})
    require_edits_hold(made, given, {}, "r.yaml")


def test_edits_by_hand_are_taken_as_they_stand():
    made = bin_variables({"x": column("PAY_0")}, LABELS, ScorecardSpec(cuts={"x": (1, 2)}), {})
    assert made["x"].bins.cuts == (1.0, 2.0)
    assert made["x"].by_hand
    edited(cuts={"pay": (1, 2)})


def test_an_edit_that_is_not_monotone_is_refused_with_its_rates():
    said = (
        r"r.yaml: scorecard.cuts.age: the bad rate neither only rises nor only falls from bin to"
        r" bin: \d+\.\d+% in \(-∞, 27\), .* move or drop a cut so that it is monotone"
    )
    with pytest.raises(BadInput, match=said):
        edited(cuts={"age": (27, 33, 45)})
    falls = ScorecardSpec(cuts={"x": (1, 2)})
    made = bin_variables({"x": column("PAY_0")}, LABELS, falls, {})
    with pytest.raises(BadInput, match="the bad rate does not fall"):
        require_edits_hold(made, falls, {"x": -1}, "r.yaml")


def test_an_edit_with_a_thin_bin_is_refused():
    with pytest.raises(BadInput, match=r"bin \[5, \+∞\) holds 0\.2% of the rows, under 5%"):
        edited(cuts={"pay": (1, 5)})


def test_a_category_without_a_group_is_refused():
    values = np.where(LABELS > 0, "a", "b").astype(object)
    values[::7] = "c"
    spec = ScorecardSpec(groups={"x": (("a",), ("b",))}, min_bin_share=0.01)
    made = bin_variables({"x": values}, LABELS, spec, {})
    with pytest.raises(BadInput, match=r"groups.x: 4286 rows have a category that stands in no"):
        require_edits_hold(made, spec, {}, "r.yaml")


def test_a_bin_of_one_outcome_has_no_woe():
    labels = np.array([0, 0, 0, 1, 1.0])
    kinds = np.array(["a", "a", "b", "b", "b"], dtype=object)
    ours = counted("x", CategoryBins((("a",), ("b",))), kinds, labels)
    assert ours.woe[0] == 0.0
    assert ours.woe[1] == pytest.approx(np.log((2 / 2) / (1 / 3)))


def test_cuts_must_ascend():
    with pytest.raises(ValueError, match="ascending"):
        NumericBins((2.0, 1.0))


def test_ctrl_c_is_still_an_exception_afterwards():
    """The solver would leave the system's own answer, by which a run ends without a word."""
    script = """
import os, signal, time
import numpy as np
from risk.scorecard.binning import bin_variables
from risk.scorecard_recipe import ScorecardSpec
rows = np.random.default_rng(1)
labels = (rows.random(900) < 0.3).astype(float)
bin_variables({"x": rows.normal(size=900).astype(np.float32)}, labels, ScorecardSpec(), {"x": 0})
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    print("told")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "told\n")
