"""A model's report as it was written when the model was trained: sheets of tables and charts.

The record is kept with the version in MLflow; the workbook and the page are drawn from it alone, so
that the same version gives the same report, whoever asks and whenever. Knows no data.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from finmodel import tracking
from finmodel.errors import BadInput, NotFound
from finmodel.settings import Settings

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


def load_report(settings: Settings, name: str, version: int | None) -> tuple[int, Report]:
    """The report of a version, the newest if none is named, and that version's number."""
    newest = tracking.version_of(settings, name, version)
    where = f"{name} version {newest.version}"
    if REPORT_FILE not in tracking.files(settings, newest.run_id):
        raise NotFound(
            "no report was kept with it", where=where, remedy="train it by its recipe again"
        )
    try:
        kept = tracking.kept(settings, newest.run_id, REPORT_FILE)
        return newest.version, msgspec.json.decode(kept, type=Report)
    except msgspec.DecodeError as error:
        raise BadInput(
            f"its report cannot be read ({error})", where=where, remedy="train it again"
        ) from error
