"""The cells of one sheet of a workbook that a person sent, with the numbers of its rows.

A file and a sheet's usual name come in; lines go out as they stand on the sheet, or a sentence
about what must be mended first: nothing hidden, merged or locked is read past anybody's eyes. What
the cells mean is not known here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from finmodel.errors import BadInput
from finmodel.workbooks.envelope import Sent, unpack
from finmodel.workbooks.marks import Marks, column_letters, marks_of

MOST_ROWS: Final = 20_000
"""The last row that is read."""
MOST_COLUMNS: Final = 100
_SHOWN: Final = 3
_NOT_READ: Final = (
    ExpatError, ParseError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError,
    OverflowError,
)  # fmt: skip
"""What openpyxl raises on a workbook that is not as it expects one."""


class Odd(NamedTuple):
    """What stands in a cell in place of a value."""

    what: str


Cell: TypeAlias = str | int | float | bool | date | Odd | None


class Line(NamedTuple):
    """A row that holds something."""

    number: int
    """As the sheet shows it."""
    cells: tuple[Cell, ...]


class Sheet(NamedTuple):
    """What was read."""

    name: str
    epoch: date
    """The day of number 0, where a number is a day."""
    lines: tuple[Line, ...]
    others: tuple[str, ...] = ()
    """Sheets that were not read, and hold something."""


def read_sheet(file: Path | Sent, usual: str) -> Sheet:
    """The sheet of that name, or the only one; BadInput where it cannot be read as it is seen."""
    sent = unpack(file)
    where = file.name
    try:
        marks = marks_of(sent.parts, where)
        _require_seen(marks, where)
        one = _chosen([one for one in marks if not one.hidden], usual, where)
        _require_even(one, f"{where}: {one.name}")
        epoch, lines = _lines(sent.data, one, where)
    except _NOT_READ as error:
        what = f"it cannot be read as a workbook ({type(error).__name__})"
        raise BadInput(what, where=where, remedy="save it again as .xlsx") from error
    _require_columns_seen(one, lines, f"{where}: {one.name}")
    others = [other.name for other in marks if other is not one and other.rows]
    return Sheet(one.name, epoch, lines, tuple(others))


def _require_seen(marks: Sequence[Marks], where: str) -> None:
    if hidden := [one.name for one in marks if one.hidden and one.rows]:
        what = f"sheet {_some(hidden)} is hidden"
        raise BadInput(what, where=where, remedy="show it, or take it out")
    if any(one.locked for one in marks):
        what = "it is protected, so that not all of it can be seen"
        raise BadInput(what, where=where, remedy="take the protection off and save it again")


def _chosen(seen: Sequence[Marks], usual: str, where: str) -> Marks:
    if named := [one for one in seen if one.name == usual]:
        return named[0]
    filled = [one for one in seen if one.rows]
    if not filled:
        raise BadInput("its sheets are empty", where=where, remedy="fill one")
    if len(filled) > 1:
        what = f"it has several sheets ({_some([one.name for one in filled])})"
        raise BadInput(what, where=where, remedy=f"name the one to be read {usual}")
    return filled[0]


def _require_even(one: Marks, where: str) -> None:
    """BadInput where rows and columns are not simply those of a table."""
    if not one.rows:
        raise BadInput("the sheet is empty", where=where, remedy="fill it")
    if one.merged:
        what = f"cells {_some(one.merged)} are merged"
        raise BadInput(what, where=where, remedy="unmerge them, and fill in each row")
    if one.hidden_rows:
        what = f"row {_some([str(row) for row in one.hidden_rows])} is hidden"
        raise BadInput(what, where=where, remedy="clear the filter, or show the rows")
    if one.last > MOST_ROWS:
        what = f"row {one.last:,} holds something"
        raise BadInput(what, where=where, remedy=f"send at most {MOST_ROWS:,} rows")
    if not one.in_order:
        raise BadInput("its rows are out of order", where=where, remedy="save it again")


def _require_columns_seen(one: Marks, lines: Sequence[Line], where: str) -> None:
    used = {at for line in lines for at, cell in enumerate(line.cells, start=1) if cell is not None}
    hidden = [
        column_letters(at)
        for at in sorted(used)
        if any(first <= at <= last for first, last in one.hidden_columns)
    ]
    if hidden:
        what = f"column {_some(hidden)} is hidden"
        raise BadInput(what, where=where, remedy="show it, or take it out")


def _lines(data: bytes, one: Marks, where: str) -> tuple[date, tuple[Line, ...]]:
    import openpyxl  # a part of a second, which no other command waits for

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl's, of what it does not keep
        book = openpyxl.load_workbook(BytesIO(data), read_only=True, keep_links=False)
        try:
            page: Any = book[one.name]
            if page._worksheet_path != one.part:  # the sheet that was looked at, and no namesake
                what = f"sheet {one.name} is not where the workbook says"
                raise BadInput(what, where=where, remedy="save it again as .xlsx")
            page.reset_dimensions()  # some offices write them wrongly
            rows = page.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS)
            return book.epoch.date(), tuple(_filled(rows))
        finally:
            book.close()


def _filled(rows: Iterator[tuple[Any, ...]]) -> Iterator[Line]:
    for number, row in enumerate(rows, start=1):
        cells = tuple(map(_cell, row))
        if any(cell is not None for cell in cells):
            yield Line(number, cells)


def _cell(one: Any) -> Cell:
    value, kind = one.value, one.data_type
    if value is None:
        return None
    if kind == "f":
        return Odd("a formula")
    if kind == "e":
        return Odd(f"an error ({value})")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):
        whole = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date() if whole else Odd("a time of day")
    if isinstance(value, bool | int | float | date):
        return value
    return Odd("a time of day")


def _text(value: str) -> str | None:
    from openpyxl.utils.escape import unescape

    return str(unescape(value)).strip() or None


def _some(names: Sequence[str]) -> str:
    """The first few of many.

    >>> _some(["A2:A9"]), _some(["1", "2", "3", "4", "5"])
    ('A2:A9', '1, 2, 3 and 2 more')
    """
    said = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{said} and {more} more" if more > 0 else said
