"""A card is its table of points: on the known scales, exact through JSON, whatever the dtypes."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.errors import BadInput
from finmodel.manifest import Scaling
from risk.scaling import points_many
from risk.scorecard.bins import CategoryBins, NumericBins
from risk.scorecard.card import Scorecard, decode, encode, log_odds_of, points_of, scaled
from risk.scorecard.columns import columns_for

INCOME = NumericBins((0.35, 0.7, 4.0), (-1.0, -9999.0))
JOB = CategoryBins((("clerk", "nurse"), ("1",)))
PARTS = (
    ("income", INCOME, 0.8, (0.5, 0.1, -0.4, -0.6, 0.2, 0.3, 0.0)),
    ("job", JOB, 0.5, (0.3, -0.2, 0.1, 0.0)),
)


def card(decimals: int = 2) -> Scorecard:
    return scaled("small", (-1.2, PARTS), Scaling(), decimals)


def rows(count: int, seed: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    income = random.choice([0.35, 0.34, 0.7, 1.0, 4.0, -1.0, -9999.0, 17.0, np.nan], count)
    return pd.DataFrame(
        {"income": income, "job": random.choice(["clerk", "1", "judge", None], count)}
    )


@pytest.mark.parametrize(
    ("pd_of_default", "scaling", "expected"),
    [
        (1 / 51, Scaling(600, 50, 20), 600.0),
        (1 / 101, Scaling(600, 50, 20), 620.0),
        (1 / 36, Scaling(750, 35, 60), 750.0),
        (1 / 71, Scaling(750, 35, 60), 810.0),
    ],
)
def test_the_known_scales(pd_of_default, scaling, expected):
    log_odds = math.log(pd_of_default / (1 - pd_of_default))
    neutral = (("x", NumericBins(()), 1.0, (0.0, 0.0)),)
    one = scaled("s", (log_odds, neutral), scaling, 2)
    columns = {"x": np.array([5.0], dtype=np.float32)}
    assert points_of(one, columns).tolist() == [expected]
    assert log_odds_of(one, columns)[0] == pytest.approx(log_odds, abs=1e-12)


def test_points_are_affine_in_the_log_odds_and_close_to_the_regressions():
    frame = rows(500)
    columns = columns_for(card(), frame)
    points, log_odds = points_of(card(), columns), log_odds_of(card(), columns)
    np.testing.assert_allclose(points_many(log_odds, card().scaling), points, rtol=0, atol=1e-9)
    places = {name: bins.place(columns[name]) for name, bins, *_ in PARTS}
    regression = -1.2 + sum(c * np.array(woe)[places[name]] for name, _, c, woe in PARTS)
    # Each of three numbers of points is rounded to a hundredth.
    assert np.abs(log_odds - regression).max() <= 3 * 0.005 / (20 / math.log(2)) + 1e-12
    assert card().woe_sign == "ln(bad share / good share)"


@pytest.mark.parametrize("decimals", [0, 2, 6])
def test_a_reloaded_card_gives_the_same_points(decimals):
    given_card = card(decimals)
    again = decode(encode(given_card))
    assert again == given_card
    columns = columns_for(again, rows(2000))
    assert points_of(again, columns).tobytes() == points_of(given_card, columns).tobytes()


def test_one_row_scores_as_among_a_million():
    frame = rows(1_000_000)
    many = points_of(card(), columns_for(card(), frame))
    for row in (0, 1, 777_777, 999_999):
        one = points_of(card(), columns_for(card(), frame.iloc[[row]]))
        assert one.tolist() == [many[row]]
    order = np.random.default_rng(1).permutation(len(frame))
    np.testing.assert_array_equal(
        points_of(card(), columns_for(card(), frame.iloc[order])), many[order]
    )


def as_objects(column: pd.Series) -> pd.Series:
    return pd.Series([None if pd.isna(v) else v for v in column], dtype=object)


@pytest.mark.parametrize(
    "stored",
    [
        lambda c: c.astype(np.float32),
        lambda c: c.astype("Float64"),
        lambda c: c.astype("Float32"),
        lambda c: c.astype("float64[pyarrow]"),
        as_objects,
        lambda c: as_objects(c).map(lambda v: None if v is None else str(v)),
        lambda c: as_objects(c).map(lambda v: None if v is None else Decimal(repr(v))),
        lambda c: as_objects(c).map(lambda v: pd.NA if v is None else v),
    ],
    ids=["float32", "Float64", "Float32", "arrow", "object", "text", "Decimal", "NA"],
)
def test_how_a_number_is_stored_does_not_matter(stored):
    frame = rows(400)
    expected = points_of(card(), columns_for(card(), frame))
    other = frame.assign(income=stored(frame["income"]))
    assert points_of(card(), columns_for(card(), other)).tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", ["int8", "int64", "Int32", "UInt8", "bool", "object"])
def test_whole_numbers_and_flags_of_any_type(dtype):
    values = pd.Series([0, 1, 1, 0])
    frame = pd.DataFrame({"income": values.astype(dtype), "job": values.astype(dtype)})
    text = {"bool": ["False", "True", "True", "False"]}.get(dtype, ["0", "1", "1", "0"])
    expected = pd.DataFrame({"income": values.astype(float), "job": text})
    same = points_of(card(), columns_for(card(), expected))
    assert points_of(card(), columns_for(card(), frame)).tolist() == same.tolist()
    assert len(set(same)) == 2


@given(
    st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    st.floats(0.01, 3),
    st.floats(-5, 2),
    st.integers(0, 6),
)
def test_any_card_goes_through_json_unchanged(woe, coefficient, intercept, decimals):
    parts = (("x", NumericBins((0.1,)), coefficient, tuple(woe)),)
    made = scaled("s", (intercept, parts), Scaling(), decimals)
    assert decode(encode(made)) == made


def test_a_column_that_is_absent_or_no_number_is_named():
    frame = rows(3)
    with pytest.raises(BadInput, match=r"new\.csv: there is no column 'job'; give it"):
        columns_for(card(), frame[["income"]], "new.csv")
    wrong = frame.assign(income=["1", "much", None])
    with pytest.raises(BadInput, match="column 'income', row 2: 'much' is not a number"):
        columns_for(card(), wrong, "new.csv")
    with pytest.raises(BadInput, match="there is no column 'job'"):
        points_of(card(), {"income": np.zeros(3, dtype=np.float32)})


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"woe_sign": "ln(good share / bad share)"},
        {"variables": []},
        {"decimals": 13},
        {"note": "more"},
    ],
)
def test_what_is_no_card_is_refused(change):
    told = msgspec.json.decode(encode(card())) | change
    with pytest.raises(BadInput, match="it is no scorecard of format 1"):
        decode(msgspec.json.encode(told))


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"[]", "评".encode("gbk")])
def test_bytes_that_are_no_card_are_refused(data):
    with pytest.raises(BadInput, match="it is no scorecard"):
        decode(data)


def test_a_bin_without_points_is_refused():
    told = msgspec.json.decode(encode(card()))
    told["variables"][0]["points"].pop()
    with pytest.raises(BadInput, match="income: one woe and one number of points for each bin"):
        decode(msgspec.json.encode(told))


def test_serving_a_card_needs_no_binning_library():
    asked = (
        "import sys, risk.scorecard.card, risk.scorecard.columns, risk.scorecard.export\n"
        "heavy = {'optbinning', 'ortools', 'mlflow', 'lightgbm', 'sklearn'} & set(sys.modules)\n"
        "print(*heavy, end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
