"""A row is read in an editor's words, and a cell that is no such thing is told."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finmodel.assistant.scripts import load_scripts
from finmodel.editing.columns import (
    ACCOUNTS,
    BESIDE,
    COLUMNS,
    NEEDS,
    SHEET,
    column_of,
    intent_words,
    key_of,
)
from finmodel.editing.rows import day_of, row_of, rows_of, wanted_of
from finmodel.errors import BadInput
from finmodel.workbooks.cells import Line, Odd

EPOCH = date(1899, 12, 30)
CELLS = {
    "intent": "还款日",
    "text": "还款日是{due_date}。",
    "valid_from": date(2026, 7, 1),
    "reviewer": "compliance.he",
}


def wanted(**changes):
    cells = CELLS | changes
    (row,), _ = rows_of([Line(1, tuple(cells)), Line(2, tuple(cells.values()))], "a.xlsx")
    return wanted_of(row, EPOCH)


def test_every_shipped_script_is_the_same_as_a_row():
    for one in load_scripts().values():
        cells = row_of(one)
        (row,), _ = rows_of([Line(1, tuple(cells)), Line(7, tuple(cells.values()))], "a.xlsx")
        again = wanted_of(row, EPOCH).script(one.id, None)
        assert (again.text, again.needs, set(again.account)) == (
            one.text, one.needs, set(one.account),
        )  # fmt: skip
        assert (row.number, wanted_of(row, EPOCH).version) == (7, one.version)


def test_words_name_one_thing_each():
    words = list(intent_words().values())
    assert len(set(words)) == len(words) > 50
    assert not set(words) & set(intent_words())
    every = [word for some in COLUMNS.values() for word in some]
    assert len(set(every)) == len(every)
    assert {column_of(word) for word in every} == set(COLUMNS)
    assert len({SHEET, *BESIDE}) == 3
    assert len({*NEEDS.values(), *ACCOUNTS.values()}) == len(NEEDS) + len(ACCOUNTS)


def test_what_is_left_out_follows_from_the_text():
    assert wanted().needs == "verified"
    assert wanted(text="请拨打{hotline}。").needs == "none"
    assert wanted(text="请拨打客服热线。", account="逾期、overdue").needs == "verified"
    one = wanted(needs="基础核验", account="逾期，正常", text="您好，请问有什么可以帮您？")
    assert (one.needs, one.account, one.version, one.id) == (
        "basic",
        ("current", "overdue"),
        None,
        "",
    )
    assert wanted(needs="未核验", text="您好。").needs == "none"


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_day_is_the_same_however_it_is_written(day):
    written = [
        day, day.isoformat(), f"{day:%Y/%m/%d}", f"{day.year}.{day.month}.{day.day}",
        f"{day.year}年{day.month}月{day.day}日", f" {day:%Y%m%d} ", int(f"{day:%Y%m%d}"),
        (day - EPOCH).days, float((day - EPOCH).days),
    ]  # fmt: skip
    assert {day_of(one, EPOCH) for one in written} == {day}
    old = date(1904, 1, 1)
    assert day_of((day - old).days, old) == day


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"valid_from": None}, "valid_from (生效日期) is empty; write a day, as 2026-03-01"),
        ({"valid_from": "03/01/2026"}, "is '03/01/2026', and no day"),
        ({"valid_from": "2026-02-30"}, "no day"),
        ({"valid_from": 46082.5}, "no day"),
        ({"valid_from": -(10**30)}, "no day"),
        ({"valid_from": True}, "no day"),
        ({"valid_from": "长期"}, "is '长期', and no day"),
        ({"valid_to": Odd("a time of day")}, "valid_to (失效日期) holds a time of day"),
        ({"text": Odd("a formula")}, "text (话术) holds a formula; paste it as a value"),
        ({"text": None}, "text (话术) is empty"),
        ({"text": 7}, "text (话术) is no text"),
        ({"text": "第一行\n第二行"}, "holds a line break or a sign that nobody sees"),
        ({"text": "零\u200b宽"}, "a sign that nobody sees"),
        ({"text": "长" * 3000}, "has 3,000 characters"),
        ({"reviewer": None}, "reviewer (审核人) is empty"),
        ({"intent": "还款曰"}, "no intent '还款曰'; did you mean 还款日 (due_date)?"),
        ({"intent": "天气"}, "no intent '天气'; one of 问候, "),
        ({"scenario": "催收"}, "intent 还款日 is of scenario 还款, not 催收"),
        ({"scenario": "理财"}, "no scenario '理财'; one of 咨询, 还款"),
        ({"slots": "due_day"}, "{due_day}: no such slot; did you mean {due_date}?"),
        ({"slots": "{due_date}，amount_due"}, "names amount_due, due_date, and in the text stands"),
        ({"needs": "熟人"}, "no identity '熟人'"),
        ({"account": "冻结"}, "no account '冻结'; one of 未申请"),
        ({"version": "二"}, "version (版本) is '二'; leave it as it was exported"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told(changes, part):
    with pytest.raises(BadInput) as told:
        wanted(**changes)
    assert part in str(told.value)
    assert told.value.remedy


def test_headers_are_told_where_one_is_missing_or_stands_twice():
    with pytest.raises(BadInput, match="row 3 names no column intent"):
        rows_of([Line(3, ("话术", "生效日期", "审核人")), Line(4, ("a", "b", "c"))], "a.xlsx")
    with pytest.raises(BadInput, match=r"column text .话术. stands twice"):
        rows_of([Line(1, ("话术", "text", "意图", "生效日期", "审核人"))], "a.xlsx")
    with pytest.raises(BadInput, match="no script stands below the header"):
        rows_of([Line(1, tuple(CELLS))], "a.xlsx")
    lines = [Line(1, (*CELLS, "备\x1b注", None, 5)), Line(2, (*CELLS.values(), "x", None, None))]
    rows, unread = rows_of(lines, "a.xlsx")
    assert (len(rows), unread) == (1, ["备�注"])


def test_a_row_of_which_only_other_columns_are_filled_is_none():
    lines = [
        Line(1, (*CELLS, "备注")),
        Line(2, (None,) * 4 + ("x",)),
        Line(3, (*CELLS.values(), 1)),
    ]
    assert [row.number for row in rows_of(lines, "a.xlsx")[0]] == [3]


def test_either_language_names_a_thing():
    assert key_of("overdue", ACCOUNTS, "account") == key_of("逾期", ACCOUNTS, "account")
