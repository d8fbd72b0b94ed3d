"""Monitoring in a shell: tables with Chinese and English names.

A `Monitor` comes in; lines on the terminal, JSON, or one Excel file go out, made aside and renamed.
It computes nothing.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from finmodel.durable import replace_file, require_writable
from finmodel.errors import BadInput
from finmodel.records import Person
from finmodel.settings import Settings
from risk.monitor.alerts import alerts_of, raise_alerts
from risk.monitor.assembly import with_alerts
from risk.monitor.panels import Monitor
from risk.monitor.sheets import Cell, Sheet, header_lines, sheets
from serving.monitoring.reading import Wanted, watch_model
from serving.monitoring.workbook import workbook
from serving.screen import Progress, emit, screen

COLOURS = {"green": "green", "amber": "yellow", "red": "red", "grey": "bright_black"}
SHOWN = 20
"""Rows of a panel in a shell; the workbook and JSON have all."""
WIDE = 14
"""Columns of a panel in a shell."""


def answer(
    settings: Settings,
    wanted: Wanted,
    xlsx: Path | None,
    alert: tuple[str, Person] | None,
    *,
    as_json: bool,
) -> None:
    """Compute, raise alerts and write the workbook where asked, and print.

    `alert` is who looks after them, and in whose name they are raised.
    """
    if xlsx is not None:
        _require_workbook(xlsx)
    with Progress() as progress:
        seen = watch_model(settings, wanted, progress)
    if alert is not None:
        raise_alerts(settings, seen, *alert)
        seen = with_alerts(seen, alerts_of(settings, wanted.model))
    if xlsx is not None:
        replace_file(xlsx, workbook(seen))
    if as_json:
        emit(seen, as_json=True)
    else:
        show(seen, screen())


def show(seen: Monitor, console: Console) -> None:
    """Header and panels, readable on a terminal."""
    colour = COLOURS[seen.header.light.colour]
    for zh, en, value in header_lines(seen):
        style = f"[{colour}]" if en in ("light", "reason") else ""
        console.print(f"[bold]{zh} {en}[/]  {style}{escape(value)}", highlight=False)
    for sheet in sheets(seen):
        console.print(f"\n[bold]{sheet.zh} {sheet.en}[/]")
        if not sheet.rows:
            console.print("  无数据 nothing to show", style="dim")
            continue
        console.print(_table(sheet))
        if len(sheet.rows) > SHOWN:
            console.print(f"  … {len(sheet.rows) - SHOWN} more: --xlsx or --json", style="dim")


def _table(sheet: Sheet) -> Table:
    table = Table(box=None, pad_edge=False)
    for zh, en in sheet.columns[:WIDE]:
        table.add_column(zh if zh == en else f"{zh}\n{en}", overflow="fold")
    for row in sheet.rows[:SHOWN]:
        table.add_row(*(escape(_text(value)) for value in row[:WIDE]))
    return table


def _text(value: Cell) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else value


def _require_workbook(path: Path) -> None:
    if path.suffix != ".xlsx":
        raise BadInput(
            f"the ending {path.suffix!r} is not known", where=str(path), remedy="name a .xlsx file"
        )
    require_writable(path)
