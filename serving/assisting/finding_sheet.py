"""Findings as a sheet that Excel opens: CSV in UTF-8 with its mark, or a workbook.

Rows come in, bytes go out. What agents and customers wrote is text in either: nothing of it is a
formula. Whose they are and who may have them is not known here.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from finmodel.assistant.intents import SCENARIOS
from finmodel.clock import CHINA
from finmodel.excel_csv import excel_csv
from finmodel.finding_book import Finding

HEADINGS: Final = (
    "编号", "时间", "坐席", "场景", "规则", "规则名称", "严重程度", "发现方式", "来源", "命中内容",
    "消息（已脱敏）", "结论", "判定人", "判定时间", "备注",
)  # fmt: skip
_SEVERITIES: Final = {"block": "禁止", "replace": "应改写", "warn": "提醒"}
_FINDERS: Final = {"rule": "规则", "classifier": "分类器"}
_ORIGINS: Final = {
    "typed": "自行输入",
    "suggested": "采用建议",
    "edited": "改后发送",
    "brought": "外部导入",
}
_STATES: Final = {"open": "待判定", "confirmed": "违规属实", "false_alarm": "误报"}
LONGEST: Final = 32_767
"""Characters of a cell."""
_WIDTHS: Final = (34, 20, 12, 8, 18, 20, 10, 10, 10, 24, 60, 10, 12, 20, 30)


class Row(NamedTuple):
    """One finding, its words masked."""

    finding: Finding
    rule: str
    """What its rule is called."""
    span: str
    text: str
    note: str


def as_csv(rows: Iterable[Row]) -> bytes:
    """A file that Excel reads as UTF-8, its formulas made text by a quote before them."""
    return excel_csv([HEADINGS, *(map(shortened, cells) for cells in map(_cells, rows))])


def as_workbook(rows: Iterable[Row]) -> bytes:
    """An .xlsx file in which every cell is text."""
    import xlsxwriter

    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    page, bold = book.add_worksheet("质检"), book.add_format({"bold": True, "bottom": 1})
    page.freeze_panes(1, 0)
    for column, width in enumerate(_WIDTHS):
        page.set_column(column, column, width)
    _write(page, 0, HEADINGS, bold)
    for number, row in enumerate(rows, 1):
        _write(page, number, _cells(row))
    book.close()
    return made.getvalue()


def shortened(cell: str) -> str:
    """What a cell of Excel can hold; a workbook leaves a longer one empty, without a word."""
    return cell if len(cell) < LONGEST else f"{cell[: LONGEST - 2]}…"


def _write(page: Any, number: int, cells: Sequence[str], *form: Any) -> None:
    for column, cell in enumerate(cells):
        page.write_string(number, column, shortened(cell), *form)


def _cells(row: Row) -> tuple[str, ...]:
    return tuple(_of(row))


def _of(row: Row) -> Iterator[str]:
    one = row.finding
    yield one.id
    yield one.at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
    yield one.agent
    yield SCENARIOS.get(one.scenario, one.scenario)
    yield one.rule
    yield row.rule
    yield _SEVERITIES.get(one.severity, one.severity)
    yield _FINDERS.get(one.finder, one.finder)
    yield _ORIGINS[one.origin]
    yield row.span
    yield row.text
    yield _STATES[one.state]
    yield one.by
    judged = one.judged_at
    yield judged.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if judged else ""
    yield row.note
