"""What a person sees in a shell: progress on standard error, the answer on standard output.

Knows nothing about what is shown.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import rich.progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from risk.monitor.periods import local

INTERRUPTED = 130
"""The exit code after Ctrl-C, by the shells' convention."""
PIPED = 200
"""Signs a line where nobody's window says otherwise."""
MINUTE = 60.0
GAP = 2
"""Blanks between columns."""
_UNBOUNDED = 100_000
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


class Progress:
    """One line for each piece of long work: `progress(what, done, total)`.

    What follows the first ` · ` of `what` may change while the line stays.
    On a terminal the line moves; elsewhere it is printed when the work is done, and once a minute.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock, self._told = clock, clock()
        self._console = Console(stderr=True)
        self._bars = bars.Progress(
            bars.TextColumn("{task.description:<42}"),
            bars.BarColumn(bar_width=24),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, bars.TaskID] = {}
        self._ended: set[str] = set()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` is done of `what`."""
        if self._bars.disable:
            self._print(what, done, total)
            return
        name = what.split(" · ")[0]
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[name], description=what, completed=done, total=total)

    def _print(self, what: str, done: int, total: int) -> None:
        name = what.split(" · ")[0]
        if done >= total and name not in self._ended:
            self._ended.add(name)
            self._console.print(f"{name}: {total:,}", highlight=False)
        elif done < total and self._clock() - self._told >= MINUTE:
            self._told = self._clock()
            self._console.print(f"{what}: {done:,} of {total:,}", highlight=False)

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()


def screen() -> Console:
    """Where tables go; a file or a pipe has no window, and would be taken for a narrow one."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, PIPED)
    return console


def side_by_side(table: Table, console: Console) -> list[Table]:
    """The table, if it fits; else its columns in several, the first one in each, none of it cut."""
    first, *others = (_width(column, console) for column in table.columns)
    groups: list[list[int]] = []
    room = 0
    for place, width in enumerate(others, start=1):
        if width > room or not groups:
            groups.append([])
            room = console.width + GAP - first
        groups[-1].append(place)
        room -= width
    return [table] if len(groups) < 2 else [_only(table, [0, *group]) for group in groups]


def _width(column: Column, console: Console) -> int:
    cells = [column.header, *column.cells]
    return max(console.measure(cell).maximum for cell in cells) + GAP


def _only(table: Table, places: list[int]) -> Table:
    part = Table(box=None, pad_edge=False)
    columns = [table.columns[place] for place in places]
    for column in columns:
        part.add_column(column.header, justify=column.justify, overflow="fold")
    cells = zip(*(column.cells for column in columns), strict=True)
    for row, line in zip(table.rows, cells, strict=True):
        part.add_row(*line, end_section=row.end_section)
    return part


def emit(answer: Any, as_json: bool) -> None:
    """Print a record, or a list of records: as a table for a person, as JSON for a program."""
    plain = _plain(answer)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n")
        sys.stdout.buffer.flush()
        return
    console = screen()
    if not isinstance(plain, list):
        console.print(_record(plain))
    elif plain:
        _print_rows(plain, console)
    else:
        console.print("none")


def _print_rows(rows: list[dict[str, Any]], console: Console) -> None:
    """A table; where the window would cut its words and figures, one record below the other."""
    table = _rows(rows)
    unbounded = console.options.update(width=_UNBOUNDED)
    if console.measure(table, options=unbounded).minimum <= console.width:
        console.print(table)
        return
    for place, row in enumerate(rows):
        if place:
            console.print()
        console.print(_record(row))


def _plain(answer: Any) -> Any:
    if is_dataclass(answer) and not isinstance(answer, type):
        answer = asdict(answer)
    if isinstance(answer, list):
        return [_plain(one) for one in answer]
    return msgspec.to_builtins(answer, enc_hook=_bare)


def _bare(value: Any) -> Any:
    """Arrays and their numbers as lists and numbers, as columns of the audit log hold them."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be shown")


def _record(record: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        table.add_row(f"[bold]{escape(name)}[/]", escape(_cell(value)))
    return table


def _rows(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold", no_wrap=name in ("id", "name"))
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    """As a person reads it; a time where the lender is, which JSON tells as it was recorded.

    >>> _cell("2005-12-31T18:30:00.123456+00:00")
    '2006-01-01T02:30:00+08:00'
    """
    if isinstance(value, str) and _UTC.fullmatch(value):
        return local(value)
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, dict):
        if all(isinstance(part, dict) for part in value.values()):
            value = {name: _inline(part) for name, part in value.items()}
        return "\n".join(f"{name}: {_cell(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "\n".join(_cell(part) for part in value)
    return "" if value is None else str(value)


def _inline(part: dict[str, Any]) -> str:
    """A record within a record, in one line.

    >>> _inline({"scorecard": 0.7743, "lightgbm": 0.789})
    'scorecard 0.7743 · lightgbm 0.789'
    """
    return " · ".join(f"{name} {_cell(value)}" for name, value in part.items())
