"""Each library's file is read as what it is; a row that is none has its place in a sentence."""

from __future__ import annotations

import json

import pytest

from finmodel.errors import BadInput
from finmodel.manifest import Scaling
from risk.importing.written import read_card, with_base
from risk.scorecard.bins import NumericBins
from risk.scorecard.card import encode, scaled

TOAD = {"age": {"[-inf ~ 25)": 12.5, "[25 ~ inf)": 30, "nan": 8.25}, "job": {"a,b": 3, "else": 1}}
SCORECARDPY = (
    "variable,bin,woe,points\nbasepoints,,,450\n"
    'age,"[-inf,25.0)",0.5,-14\nage,"[25.0,inf)",-0.5,14\n'
)


def test_the_format_is_told_by_the_columns():
    card = read_card(SCORECARDPY, "c.csv")
    assert (card.form, card.base_points, card.variables) == ("scorecardpy", 450.0, ("age",))
    assert [(one.points, one.woe, one.place) for one in card.bins] == [
        (-14.0, 0.5, "line 3"),
        (14.0, -0.5, "line 4"),
    ]
    theirs = read_card('Variable,Bin id,Bin,WoE,Points\nage,0,"(-inf, inf)",0.1,12.25\n', "c.csv")
    assert (theirs.form, theirs.bins[0].woe, theirs.decimals) == ("optbinning", 0.1, 2)
    ours = read_card('variable,bin,woe,points\nage,"(-∞, +∞)",0.1,12\n', "c.csv")
    assert ours.form == "ours"


def test_toads_dictionary_and_its_table_are_the_same_card():
    from_json = read_card(json.dumps(TOAD), "c.json")
    lines = [
        f'{number},{name},"{label}",{points}'
        for number, (name, label, points) in enumerate(
            (name, label, points) for name, rule in TOAD.items() for label, points in rule.items()
        )
    ]
    from_csv = read_card("\n".join([",name,value,score", *lines]), "c.csv")
    assert from_json.form == from_csv.form == "toad"
    told = [[(one.variable, one.label, one.points) for one in card.bins]
            for card in (from_json, from_csv)]  # fmt: skip
    assert (
        told[0]
        == told[1]
        == [
            ("age", "[-inf ~ 25)", 12.5),
            ("age", "[25 ~ inf)", 30.0),
            ("age", "nan", 8.25),
            ("job", "a,b", 3.0),
            ("job", "else", 1.0),
        ]
    )


def test_scorecardpys_frames_as_json_by_variable():
    given = {
        "basepoints": [{"variable": "basepoints", "bin": None, "points": 450}],
        "age": [{"variable": "age", "bin": "[-inf,inf)", "points": 3}],
    }
    card = read_card(json.dumps(given), "c.json")
    assert (card.form, card.base_points, len(card.bins)) == ("scorecardpy", 450.0, 1)


def test_a_card_of_ours_says_its_scale():
    parts = (("age", NumericBins((25.0,), (-1.0,)), 1.0, (0.3, -0.2, 0.0, 0.1)),)
    card = scaled("champion", (-2.0, parts), Scaling(700, 30, 40), 1)
    read = read_card(encode(card).decode(), "c.json")
    assert (read.form, read.scaling, read.base_points) == ("ours", card.scaling, card.base_points)
    assert [one.label for one in read.bins] == list(card.variables[0].bins.labels())
    assert [one.points for one in read.bins] == list(card.variables[0].points)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "c.csv: it is a scorecard of no format that is known here: its columns are"),
        ("", "its columns are missing"),
        ("{", "c.csv: it is not JSON"),
        ("[1, 2]", "its columns are missing"),
        ("variable,bin,points\n", "c.csv: it has no bins"),
        ("variable,bin,points\nage,x,many\n", "c.csv line 2: points: 'many' is no number"),
        ("variable,bin,points\nage,x,nan\n", "c.csv line 2: points: 'nan' is no number"),
        ("variable,bin,points\nage,x\n", "c.csv line 2: there is no points"),
        ("variable,bin,points\nage,[25,35),3\n", "c.csv line 2: it has 4 fields, and the header 3"),
        ("variable,bin,woe,points\nage,x,inf,3\n", "c.csv line 2: woe: 'inf' is no number"),
        ('{"age": {"[-inf ~ 3)": 1, "[-inf ~ 3)": 2}}', "stands twice in one variable"),
        ("[" * 100_000, "c.csv: it is nested too deep for a scorecard; export it as"),
        ('{"age": ' * 100_000, "c.csv: it is nested too deep for a scorecard; export it as"),
        (f'{{"age": {{"x": {10**400}}}}}', "c.csv age 'x': points: '1000"),
        (f'[{{"variable": "age", "bin": "x", "points": 1, "woe": -{10**400}}}]', "woe: '-1000"),
    ],
)
def test_what_is_no_scorecard_is_one_sentence(text, said):
    with pytest.raises(BadInput) as caught:
        read_card(text, "c.csv")
    assert said in str(caught.value)


def test_an_intercept_that_the_file_leaves_out_is_said_beside_it_once():
    card = read_card('Variable,Bin,Points\nage,"(-inf, inf)",12\n', "c.csv")
    assert with_base(card, 412.125).base_points == 412.125
    assert with_base(card, 412.125).decimals == 3
    assert with_base(card, None) is card
    with pytest.raises(BadInput, match=r"--base-points: the file has base points already \(450\)"):
        with_base(read_card(SCORECARDPY, "c.csv"), 3.0)
