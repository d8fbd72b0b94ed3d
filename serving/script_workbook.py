"""Scripts as an Excel workbook that an editor changes and brings back.

Scripts come in, the file's bytes go out: a sheet of scripts, and beside it every intent and every
slot, to look up. What of it is taken in again is not known here.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from finmodel.assistant.intents import SCENARIOS, load_intents
from finmodel.assistant.scripts import Script
from finmodel.assistant.slots import SLOTS
from finmodel.editing.columns import BESIDE, COLUMNS, NEEDS, SHEET
from finmodel.editing.rows import row_of

WIDTHS: Final = {
    "id": 22, "version": 6, "scenario": 8, "intent": 16, "needs": 10, "account": 14, "text": 80,
    "slots": 28, "valid_from": 12, "valid_to": 12, "reviewer": 22,
}  # fmt: skip
_LOOKED_UP: Final = 20
_MORE: Final = 500
"""Rows below the last one for which choices are offered."""
Cell = str | int | date | None


def workbook(scripts: Iterable[Script]) -> bytes:
    """The workbook of scripts, by scenario and intent as the intents stand, then by id."""
    import xlsxwriter  # a part of a second that most commands need not wait for

    room = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(room, options) as book:
        bold = book.add_format({"bold": True})
        day = book.add_format({"num_format": "yyyy-mm-dd", "valign": "top"})
        lines = book.add_format({"text_wrap": True, "valign": "top"})
        page = book.add_worksheet(SHEET)
        header = [words[0] for words in COLUMNS.values()]
        rows = [list(row_of(one).values()) for one in sorted(scripts, key=_place)]
        _fill(page, header, rows, (bold, day, lines))
        for at, name in enumerate(COLUMNS):
            page.set_column(at, at, WIDTHS[name])
        page.autofilter(0, 0, len(rows), len(header) - 1)
        _offer_choices(page, len(rows) + _MORE)
        for name, (head, told) in zip(BESIDE, (_intents(), _slots()), strict=True):
            beside = book.add_worksheet(name)
            _fill(beside, head, told, (bold, day, lines))
            beside.set_column(0, len(head) - 1, _LOOKED_UP)
    return room.getvalue()


def _place(script: Script) -> tuple[int, int]:
    intents = list(load_intents())
    return intents.index(script.intent), int(script.id.rpartition("-")[2])


def _fill(
    page: Any, header: Sequence[str], rows: Sequence[Sequence[Cell]], styles: tuple[Any, Any, Any]
) -> None:
    bold, day, lines = styles
    page.freeze_panes(1, 1)
    for column, word in enumerate(header):
        page.write_string(0, column, word, bold)
    for place, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if isinstance(value, str) and value:  # text stays text: nothing here is a formula
                page.write_string(place, column, value, lines)
            elif isinstance(value, date):
                page.write_datetime(place, column, value, day)
            elif isinstance(value, int):
                page.write_number(place, column, value, lines)


def _offer_choices(page: Any, last: int) -> None:
    """What a cell may hold, to choose from; rows to come are offered the same."""
    choices = {
        "scenario": list(SCENARIOS.values()),
        "intent": f"='{BESIDE[0]}'!$B$2:$B${len(load_intents()) + 1}",
        "needs": list(NEEDS.values()),
    }
    for name, source in choices.items():
        at = list(COLUMNS).index(name)
        offered = {"validate": "list", "source": source, "error_type": "information"}
        page.data_validation(1, at, last, at, offered)


def _intents() -> tuple[Sequence[str], Sequence[Sequence[Cell]]]:
    rows = [(SCENARIOS[one.scenario], one.zh, name, one.en) for name, one in load_intents().items()]
    return ("场景", "意图", "intent", "English"), rows


def _slots() -> tuple[Sequence[str], Sequence[Sequence[Cell]]]:
    rows = [(f"{{{name}}}", one.chinese, one.english) for name, one in SLOTS.items()]
    return ("变量", "含义", "English"), rows
