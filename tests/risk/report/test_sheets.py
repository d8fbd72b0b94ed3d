"""What a report's sheets say, against pandas on the table that it was made of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from finmodel.progress import silent
from risk.frames.split import split_by_time
from risk.frames.table import load_table
from risk.learning import judge_by_time, learn, teaching_of
from risk.report.record import Table
from risk.report.sheets import Development, report_of
from risk.scorecard.side_by_side import judge_side, learn_side
from tests.risk.frames.test_performance import RULE, seen_of
from tests.risk.small_card import developed, recipe_of
from tests.risk.small_lender import loans

BORDERS = {"valid_from": "2024-06-01", "oot_from": "2024-08-01"}


@pytest.fixture(scope="module")
def bands(tmp_path_factory) -> tuple[pd.DataFrame, tuple[Table, ...], Development]:
    """The lender's loans under a rule that leaves a third of the bad undecided, and their bands."""
    folder: Path = tmp_path_factory.mktemp("ruled")
    table = loans(3000)
    seen_of(table).to_csv(folder / "seen.csv", index=False)
    recipe = recipe_of(folder, table.drop(columns="bad"), label=RULE, split=BORDERS)
    frame = load_table(recipe)
    parts = split_by_time(frame.times, recipe.split, frame.labels, frame.where)
    trees = learn(frame, parts, teaching_of(recipe))
    side = learn_side(recipe, frame, parts, silent)
    judged_side = judge_side(side, frame, parts, 1, silent)
    made = Development(
        recipe, frame, parts, trees, judge_by_time(frame, parts, trees), side, judged_side
    )
    sheet = next(one for one in report_of(made).sheets if one.zh == "评分分布")
    assert any("The indeterminate taught nothing" in note for note in sheet.notes)
    return table, sheet.tables, made


def test_the_indeterminate_of_the_judged_time_are_counted_by_band(bands):
    table, tables, _ = bands
    later = table["applied_on"].between("2024-08-01", "2024-10-31")
    undecided = table[later & (table["bad"] == 1) & (table["loan_id"].astype(int) % 3 == 0)]
    assert len(undecided) > 20
    for of in tables:
        assert of.headings[-1].en == "Indeterminate"
        assert sum(row[-1] for row in of.rows) == len(undecided)


def test_a_label_by_a_rule_is_told_in_the_recipes_words(bands):
    made = bands[2]
    (sample,) = (one for one in report_of(made).sheets if one.zh == "样本概况")
    (label,) = (note for note in sample.notes if note.startswith("标签 Label"))
    assert "LabelRule" not in label
    for words in (RULE["bad"], RULE["indeterminate"], f"{RULE['window']} 个月"):
        assert words in label


def test_the_indeterminate_change_no_share_and_no_rate(bands):
    table, tables, _ = bands
    later = table["applied_on"].between("2024-08-01", "2024-10-31")
    third = table["loan_id"].astype(int) % 3 == 0
    decided = table[later & ~((table["bad"] == 1) & third)]
    for of in tables:
        assert sum(row[1] for row in of.rows) == len(decided)
        assert sum(row[3] for row in of.rows) == int(decided["bad"].sum())
        assert sum(row[2] for row in of.rows) == pytest.approx(1.0)


def test_the_indeterminate_score_worse_than_the_good(bands):
    """They were late: a band table that put them at random would show it here."""
    _, tables, _ = bands
    for of in tables:
        goods = [row[1] - row[3] for row in of.rows]
        assert _mean_band([row[-1] for row in of.rows]) < _mean_band(goods)


def test_without_such_rows_there_is_no_such_column():
    sheet = next(one for one in report_of(developed()).sheets if one.zh == "评分分布")
    assert all(of.headings[-1].zh == "KS" for of in sheet.tables)


def _mean_band(counts: list[int]) -> float:
    return sum(place * count for place, count in enumerate(counts)) / sum(counts)
