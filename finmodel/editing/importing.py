"""A workbook of scripts, taken in: its rows become drafts of whoever brings it, or are rejected.

A workbook and a person come in; what became of each row goes out. Nothing that is said changes:
drafts wait for a second person. Asked to only try, it keeps nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finmodel.clock import china_day
from finmodel.editing.columns import BESIDE, SHEET
from finmodel.editing.draft_file import keep, one_at_a_time, require_editor, waiting
from finmodel.editing.published import load_ours, published, scripts_of
from finmodel.editing.rows import rows_of
from finmodel.editing.sorting import Sorted, Standing, sort_rows
from finmodel.progress import Progress, silent
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.workbooks.cells import read_sheet
from finmodel.workbooks.envelope import Sent


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a workbook."""

    rows: int
    sorted: Sorted
    columns_not_read: list[str]
    sheets_not_read: list[str]


def import_scripts(
    settings: Settings,
    file: Path | Sent,
    person: Person,
    progress: Progress = silent,
    *,
    dry_run: bool = False,
) -> Imported:
    """Keep as drafts what a workbook changes; BadInput where nothing of it can be read."""
    require_editor(person, "import")
    sheet = read_sheet(file, SHEET)
    rows, unread = rows_of(sheet.lines, f"{file.name}: {sheet.name}")
    with one_at_a_time(settings):
        ours = load_ours(settings)
        there, today = published(ours), china_day(settings.clock.now())
        standing = Standing(scripts_of(ours), waiting(settings, there), person.name, today)
        found = sort_rows(rows, sheet.epoch, standing, progress)
        if not dry_run:
            keep(settings, found.made, person, there, file.name)
    others = [one for one in sheet.others if one not in BESIDE]
    return Imported(len(rows), found, unread, others)
