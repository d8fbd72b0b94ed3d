"""The workbook, read by another library: its sheets, and its cells against other arithmetic."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import openpyxl
import pandas as pd
import pytest
from optbinning import OptimalBinning
from sklearn.metrics import roc_auc_score, roc_curve

from risk.report.record import Heading, Report, Sheet, Table
from risk.report.sheets import report_of
from risk.report.workbook import workbook
from risk.scorecard.card import log_odds_of, points_of
from risk.scorecard.columns import columns_of
from tests.risk.small_card import developed

OF_CARD = ["变量筛选", "分箱明细", "模型参数", "评分卡"]
SHEETS = ["样本概况", *OF_CARD, "模型表现", "评分分布", "稳定性", "部署 SQL"]


def opened(by_time: bool = True) -> openpyxl.Workbook:
    return openpyxl.load_workbook(BytesIO(workbook(report_of(developed(by_time)), "small v1")))


@pytest.fixture(scope="module")
def book() -> openpyxl.Workbook:
    return opened()


def table_under(sheet, title: str) -> pd.DataFrame:
    """The rows under the headings that follow a title."""
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    top = next(place for place, row in enumerate(rows) if row[0] == title)
    heads = [name for name in rows[top + 1] if name is not None]
    body = []
    for row in rows[top + 2 :]:
        if all(cell is None for cell in row):
            break
        body.append(row[: len(heads)])
    return pd.DataFrame(body, columns=heads)


def test_it_has_the_sheets_that_a_risk_team_expects(book):
    assert book.sheetnames == SHEETS
    pictured = {name: len(book[name]._charts) for name in SHEETS if book[name]._charts}
    kept = len(developed().side.learned.entered)
    assert pictured == {"分箱明细": kept, "模型表现": 6, "评分分布": 2}


def test_the_sample_is_counted_by_part(book):
    development = developed()
    table = table_under(book["样本概况"], "样本 Rows").set_index("样本 Part")
    labels, parts = development.frame.labels, development.parts
    for name, rows in (("训练 train", parts.train), ("跨期 out-of-time", parts.oot)):
        row = table.loc[name]
        assert (row["样本数 Rows"], row["坏 Bad"]) == (len(rows), labels[rows].sum())
        assert row["坏账率 Bad rate"] == pytest.approx(labels[rows].mean())
    assert table.loc["全部 all", "样本数 Rows"] == 3000


def test_bins_are_those_of_optbinning(book):
    development = developed()
    learned, rows = development.side.learned, development.parts.train
    one = learned.binned["debt_total"]
    column = columns_of(development.frame, ["debt_total"], rows)["debt_total"]
    reference = OptimalBinning(
        user_splits=np.asarray(one.bins.cuts, dtype=np.float32).astype(float),
        user_splits_fixed=[True] * len(one.bins.cuts),
    ).fit(column.astype(float), development.frame.labels[rows])
    theirs = reference.binning_table.build()
    ours = table_under(book["分箱明细"], f"debt_total  IV {one.iv.sum():.4f}")
    ranges = one.bins.ranges
    assert ours["样本数 Rows"][:ranges].tolist() == theirs["Count"][:ranges].tolist()
    assert ours["坏 Bad"][:ranges].tolist() == theirs["Event"][:ranges].tolist()
    woe = -theirs["WoE"][:ranges].astype(float)
    np.testing.assert_allclose(ours["WOE"][:ranges].astype(float), woe, atol=1e-9)
    np.testing.assert_allclose(ours["IV"].sum(), theirs["IV"].iloc[-1], atol=1e-9)


def test_points_add_up_to_the_score(book):
    development = developed()
    learned, frame = development.side.learned, development.frame
    card = table_under(book["评分卡"], "评分卡 Card")
    points = card.set_index(["变量 Variable", "分箱 Bin"])["分值 Points"]
    columns = columns_of(frame, learned.entered, np.array([5]))
    total = points.iloc[0]
    for variable in learned.card.variables:
        place = variable.bins.place(columns[variable.name])[0]
        total += points[variable.name, variable.bins.labels()[place]]
    assert total == pytest.approx(points_of(learned.card, columns)[0], abs=1e-9)


def test_figures_are_scikit_learns(book):
    development = developed()
    learned, frame, oot = development.side.learned, development.frame, development.parts.oot
    log_odds = log_odds_of(learned.card, columns_of(frame, learned.entered, oot))
    table = table_under(book["模型表现"], "out of time").set_index("指标 Figure")
    card = table["评分卡 Scorecard"]
    assert card["AUC"] == pytest.approx(roc_auc_score(frame.labels[oot], log_odds))
    fpr, tpr, _ = roc_curve(frame.labels[oot], log_odds)
    assert card["KS"] == pytest.approx(np.abs(tpr - fpr).max())
    trees = roc_auc_score(frame.labels[oot], development.judged.log_odds)
    assert table["LightGBM"]["AUC"] == pytest.approx(trees)


def test_bands_hold_every_row_once(book):
    development = developed()
    labels = development.frame.labels[development.parts.oot]
    bands = table_under(book["评分分布"], "评分卡 Scorecard 评分分布 Score bands")
    assert bands["样本数 Rows"].sum() == len(labels)
    assert bands["坏 Bad"].sum() == labels.sum()
    assert bands["累计坏占比 Bads so far"].iloc[-1] == 1.0
    assert bands["坏账率 Bad rate"].iloc[0] > bands["坏账率 Bad rate"].iloc[-1]


def test_stability_is_measured_where_there_is_a_later_part(book):
    table = table_under(book["稳定性"], "总分与变量 PSI Score and variables")
    assert table["变量 Variable"].tolist() == ["总分 score", *developed().side.learned.entered]
    assert (table["训练→跨期 Train → out-of-time"] >= 0).all()


def test_for_one_observation_date_out_of_time_is_not_available():
    book = opened(by_time=False)
    for name in ("样本概况", "稳定性"):
        texts = [str(cell.value) for row in book[name].iter_rows() for cell in row]
        assert any("跨期样本不可用" in text for text in texts)
    assert "PSI" not in [cell.value for cell in book["稳定性"][3]]
    spread = table_under(book["稳定性"], "折间波动 Between folds (1 × 5 folds)")
    assert spread["AUC 标准差 SD"].between(0, 0.1).all()


def test_sql_is_there_line_by_line(book):
    lines = [row[0].value for row in book["部署 SQL"].iter_rows(min_row=4) if row[0].value]
    assert any(line.startswith("SELECT *") for line in lines)
    assert all("CAST(" in line or "WHEN" in line for line in lines if "income" in line)


def test_text_that_looks_like_a_formula_is_text():
    headings = (Heading("类别", "Category"),)
    table = Table("=1+1", headings, (("=cmd|' /C calc'!A0",), ("@SUM(1)",), ("http://a.b",)))
    report = Report("x", (Sheet("表", "Sheet", tables=(table,)),))
    sheet = openpyxl.load_workbook(BytesIO(workbook(report, "x")))["表"]
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value}
    assert kinds == {"s"}
    assert [cell.hyperlink for row in sheet.iter_rows() for cell in row if cell.hyperlink] == []
