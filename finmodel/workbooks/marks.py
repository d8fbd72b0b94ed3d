"""What an eye does not see in a sheet: that it is hidden or locked, has merged cells, hidden rows.

A workbook's parts come in, `Marks` of each sheet go out. Cells' values are not known here. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.parsers.expat import ParserCreate

from finmodel.workbooks.package import Attributes, elements, workbook_part

_TRUE: Final = frozenset({"1", "true", "on"})
_VALUES: Final = frozenset({"v", "t", "f"})
"""What within a cell is a value: of a number or a shared text, of a text, of a formula."""


class Marks:
    """One sheet, as its XML says. Rows and columns count from 1."""

    def __init__(self, name: str, state: str, part: str) -> None:
        self.name, self.hidden = name, state not in ("", "visible")
        self.part = part
        """Where it lies in the package."""
        self.merged: list[str] = []
        self.locked = False
        self.hidden_rows: list[int] = []
        """Those that hold something."""
        self.hidden_columns: list[tuple[int, int]] = []
        self.rows, self.last = 0, 0
        """How many rows hold something, and the last of them."""
        self.in_order = True
        self._row, self._row_hidden, self._at = 0, False, 0

    def begin(self, tag: str, told: Attributes) -> None:
        """Read the begin of an element."""
        name = tag.rpartition(":")[2]
        if name == "row":
            before = self._row
            self._row = int(told["r"]) if told.get("r", "").isdigit() else before + 1
            self._row_hidden = _is(told, "hidden")
            self.in_order = self.in_order and self._row > before
        elif name in _VALUES:
            self._filled()
        elif name == "mergeCell":
            self.merged.append(told.get("ref", "?"))
        elif name == "col" and _is(told, "hidden"):
            self.hidden_columns.append((int(told.get("min", 1)), int(told.get("max", 16_384))))
        elif name == "sheetProtection":
            self.locked = self.locked or _is(told, "sheet")

    def end(self, tag: str) -> None:
        """Read the end of an element: behind the rows, nothing belongs to one."""
        if tag.rpartition(":")[2] == "sheetData":
            self._row = 0

    def _filled(self) -> None:
        if self._row in (0, self._at):
            return
        self._at = self._row
        self.rows, self.last = self.rows + 1, max(self.last, self._row)
        if self._row_hidden:
            self.hidden_rows.append(self._row)


def marks_of(parts: Mapping[str, bytes], where: str) -> list[Marks]:
    """Each sheet's marks, in the order of the workbook; all are locked where its structure is.

    BadInput where it is not certain which part is the workbook.
    """
    book, named = workbook_part(parts, where)
    found, locked = [], False
    for tag, told in elements(parts[book]):
        if tag == "workbookProtection":
            locked = _is(told, "lockStructure") or _is(told, "lockWindows")
        if tag != "sheet":
            continue
        part = named.get(_id_of(told), "")
        one = Marks(told.get("name", ""), told.get("state", ""), part)
        parser = ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = one.begin, one.end
        parser.Parse(parts.get(part, b"<none/>"), True)
        found.append(one)
    for one in found:
        one.locked = one.locked or locked
    return found


def column_letters(number: int) -> str:
    """A column's letters by its number.

    >>> column_letters(1), column_letters(26), column_letters(28)
    ('A', 'Z', 'AB')
    """
    said = ""
    while number:
        number, rest = divmod(number - 1, 26)
        said = chr(65 + rest) + said
    return said


def _id_of(told: Attributes) -> str:
    return next((value for name, value in told.items() if name.endswith(":id")), "")


def _is(told: Attributes, name: str) -> bool:
    return told.get(name, "").lower() in _TRUE
