"""A model's report as it was written when the model was trained: sheets of tables and charts.

The record is kept with the version (see `kept`); workbook and page are drawn from it alone, so that
the same version gives the same report, whoever asks and whenever. Knows no data.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

REPORT_FILE = "report.json"
Cell: TypeAlias = str | int | float | None
Form: TypeAlias = Literal["text", "count", "number", "percent", "points", "small"]
"""How a column is shown; `small` is for p-values."""


class Heading(msgspec.Struct, frozen=True):
    """A column's name in two languages, and how its cells are shown."""

    zh: str
    en: str
    form: Form = "text"

    @property
    def both(self) -> str:
        """Chinese, then English."""
        return f"{self.zh} {self.en}"


class Chart(msgspec.Struct, frozen=True):
    """A picture of some columns of its table."""

    kind: Literal["bars", "lines", "curve"]
    """`bars` may have lines over them on a second axis; `curve` draws y over x in proportion."""
    title: str
    x: int
    """Place of the column along the horizontal axis."""
    y: tuple[int, ...]
    over: tuple[int, ...] = ()
    """Columns drawn as lines over bars."""


class Table(msgspec.Struct, frozen=True):
    """Rows under headings, with pictures of them."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    charts: tuple[Chart, ...] = ()


class Sheet(msgspec.Struct, frozen=True):
    """One sheet of the workbook, one section of the page."""

    zh: str
    en: str
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    text: str = ""
    """Code to be copied as it stands."""


class Report(msgspec.Struct, frozen=True):
    """What was found when a model was trained."""

    name: str
    sheets: tuple[Sheet, ...]
    format: Literal[1] = 1
