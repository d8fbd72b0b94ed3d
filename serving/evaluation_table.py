"""The table of `finmodel evaluate` as a person reads it: figures down, targets across.

A table comes in, lines on the screen go out. What a figure means is known to fine_tune.
"""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table as Shown

from fine_tune.judging.evaluation import SUITES, Column, Table
from fine_tune.judging.suites import Figure
from serving.screen import screen, side_by_side

_NONE = "–"


def show(table: Table) -> None:
    """Print it; a target's own lines first, then the suites."""
    console = screen()
    shown = Shown(box=None, pad_edge=False)
    shown.add_column(f"{table.replies} held-out replies 留出答复")
    for one in table.columns:
        shown.add_column(escape(one.target), justify="right")
    shown.add_row("", *(_about(one) for one in table.columns))
    for name, words in SUITES.items():
        shown.add_row(words, *(cell(one.figures[name]) for one in table.columns))
    for rule in sorted({rule for one in table.columns for rule in one.broken}):
        words = f"护栏 guards: replies that break `{rule}`"
        shown.add_row(words, *(f"{one.broken.get(rule, 0)}" for one in table.columns))
    for part in side_by_side(shown, console):
        console.print(part)
    console.print(f"kept in MLflow, run {table.run}", highlight=False)


def cell(figure: Figure) -> str:
    """A figure, a share with its interval.

    >>> cell(Figure(0.5, 10, 0.2366, 0.7634)), cell(Figure(3.14159, 8)), cell(Figure(None, 0))
    ('50% (24–76)', '3.142', '–')
    """
    if figure.value is None:
        return _NONE
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4g}"
    return f"{figure.value:.0%} ({figure.low * 100:.0f}–{figure.high * 100:.0f})"


def _about(column: Column) -> str:
    parts = (column.kind, "champion" if column.champion else "", column.engine)
    return ", ".join(dict.fromkeys(part for part in parts if part))
