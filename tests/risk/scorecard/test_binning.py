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


def test_a_bin_of_one_outcome_has_the_woe_of_half_a_row_more_of_each():
    """Of 600 rows, 120 of them bad: 175 special ones all good or all bad, and 40 missing."""
    labels = np.repeat([1.0, 0.0], [120, 480])
    values = np.ones(600, np.float32)
    values[:60], values[-175:] = np.nan, -9999
    ours = counted("x", NumericBins((), (-9999.0,)), values, labels)
    assert list(zip(ours.rows, ours.bads, strict=True)) == [(365, 60), (175, 0), (60, 60)]
    # Written out, with 35 and 12 bads to be expected.
    good = np.log((0.5 / 35.5) / (175.5 / 140.5))
    bad = np.log((60.5 / 12.5) / (0.5 / 48.5))
    np.testing.assert_allclose(ours.woe, [np.log((60 / 120) / (305 / 480)), good, bad])
    # Among many rows it is Haldane's: the odds with half a row more of each, over those of all.
    assert good == pytest.approx(np.log(0.5 / 175.5) - np.log(120 / 480), abs=0.03)
    assert (ours.iv[1:] > 0.4).all()
    assert ours.one_sided.tolist() == [False, True, True]


@pytest.mark.parametrize("rate", [0.002, 0.2, 0.998])
def test_a_bin_of_one_outcome_is_of_its_own_side_however_few_and_rare(rate):
    """Half a row of each alone would call 30 rows without a bad riskier than anybody at 0.2 %."""
    bads = round(rate * 10_000)
    labels = np.repeat([1.0, 0.0], [bads, 10_000 - bads])
    for rows in (1, 30, 2_000):
        for side in (slice(None, min(rows, bads)), slice(-min(rows, 10_000 - bads), None)):
            values = np.zeros(10_000, np.float32)
            values[side] = 1
            woe = counted("x", NumericBins((1.0,)), values, labels).woe[1]
            assert woe > 0 if side.start is None else woe < 0


def test_a_bin_without_a_row_knows_nothing():
    ours = counted("x", CategoryBins((("a",), ("b",))), np.array(["a", "a"], object), np.eye(2)[0])
    assert ours.woe.tolist() == [0.0] * 4
    one_kind = counted("x", NumericBins((1.0,)), np.arange(3, dtype=np.float32), np.zeros(3))
    assert one_kind.woe.tolist() == [0.0] * 3


def without_bads_above(edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Bad rates that fall with x and are 0 above an edge."""
    random = np.random.default_rng(3)
    x = random.uniform(0, 100, 4000).astype(np.float32)
    return x, (random.random(4000) < np.where(x < edge, 0.5 - 0.005 * x, 0.0)).astype(np.float64)


def test_points_are_monotone_where_the_best_bin_has_no_bad():
    x, labels = without_bads_above(90)
    made = bin_variables({"x": x}, labels, ScorecardSpec(cuts={"x": (20, 40, 60, 90)}), {})
    require_edits_hold(made, ScorecardSpec(cuts={"x": (20, 40, 60, 90)}), {"x": -1}, "r.yaml")
    assert made["x"].bads[4] == 0
    assert (np.diff(made["x"].woe[:5]) < 0).all()


@pytest.mark.parametrize("direction", [0, -1])
def test_an_edit_whose_rates_fall_and_whose_woe_does_not_is_refused(direction):
    """Few rows without a bad are worth less than many with one."""
    labels = np.repeat([1.0, 0.0, 1.0, 0.0, 0.0], [500, 500, 1, 3999, 300])
    x = np.repeat(np.float32([1, 5, 9]), [1000, 4000, 300])
    spec = ScorecardSpec(cuts={"x": (4, 8)})
    made = bin_variables({"x": x}, labels, spec, {"x": direction})
    assert (np.diff(made["x"].bad_rate[:3]) < 0).all()
    said = (
        r"r.yaml: scorecard.cuts.x: the WOE (does not fall|neither only rises nor only falls) from"
        r" bin to bin: \+2.26 \(bad rate 50.00%\) in \(-∞, 4\), -6.03 \(bad rate 0.03%\) in"
        r" \[4, 8\), -4.15 \(bad rate 0.00%\) in \[8, .* one outcome alone is best merged"
    )
    with pytest.raises(BadInput, match=said):
        require_edits_hold(made, spec, {"x": direction}, "r.yaml")


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
