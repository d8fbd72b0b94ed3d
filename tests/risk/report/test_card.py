"""The sheets of a card say what a reader of its numbers must know."""

from __future__ import annotations

import numpy as np

from finmodel.progress import silent
from risk.frames.table import load_table
from risk.learning import only
from risk.report.card import card_sheets
from risk.scorecard.side_by_side import learn_side
from tests.risk.small_card import recipe_of
from tests.risk.small_lender import loans


def test_bins_of_bads_alone_are_named_beside_their_woe(tmp_path):
    table = loans(3000)
    table.loc[table["income"] == -9999, "bad"] = 1
    recipe = recipe_of(tmp_path, table)
    frame = load_table(recipe)
    side = learn_side(recipe, frame, only(np.arange(len(frame))), silent)
    bins = next(one for one in card_sheets(side) if one.zh == "分箱明细")
    assert bins.notes[1:] == (
        "仅含好或仅含坏的箱，好坏各加半个样本：income 特殊值 special -9999。"
        "Bins of one outcome alone: half a row of each is added.",
    )
    rows = {row[1]: row for table in bins.tables for row in table.rows if row[0] == "income"}
    assert rows["特殊值 special -9999"][7] > 4
    # A special value that never occurs has no rows, and nothing to be told.
    assert rows["特殊值 special -1"][2:8:5] == (0, 0.0)
