"""`finmodel labels explore`: a recipe's loans as tables that a window and a `bad` are chosen by.

What `risk/labels/explore.py` found comes in; tables for a terminal, in Chinese and English, or JSON
go out. It computes no figure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving import operators
from serving.screen import Progress, emit, screen, side_by_side

if TYPE_CHECKING:
    from risk.labels.explore import Explored

labels = typer.Typer(no_args_is_help=True, help="What is good and bad, and when it is known.")


@labels.callback()
def _group() -> None:
    """Keeps `explore` a command of a group."""


@labels.command("explore")
def explore(
    recipe: Annotated[Path, typer.Argument(help="A recipe whose label is a rule.")],
    json: operators.Json = False,
) -> None:
    """Print the vintage, roll-rate and first-payment tables that justify a recipe's window."""
    from risk.recipe import load_recipe

    loaded = load_recipe(recipe)
    # What computes takes a second to import: a mistake in the recipe need not wait for it.
    from risk.frames.loans import book_in, labels_in, rule_of
    from risk.labels.explore import explored

    rule = rule_of(loaded)
    with Progress() as progress:
        book = book_in(loaded, progress)
    found = explored(loaded.name, rule, book, labels_in(loaded, book))
    if json:
        emit(found, True)
    else:
        show(found, screen())


def show(found: Explored, console: Console) -> None:
    """All tables, one after the other; one that is too wide for the window in parts."""
    console.print(
        f"[bold]{found.recipe}[/]  bad 坏: {found.bad}  window 表现期: {found.window} mob  "
        f"accounts 账户: {found.accounts:,}  until 截至: {found.known_to}"
    )
    stopped = (_still_observed(found),) if _stops(found) else ()
    tables = (_vintages(found), *stopped, _rolls(found), _firsts(found), _cohorts(found))
    for title, table in tables:
        console.print(f"\n[bold]{title}[/]", highlight=False)
        for part in side_by_side(table, console):
            console.print(part)
    for why, rows in found.excluded.items():
        console.print(f"excluded 剔除: {why}: {rows:,}", highlight=False)


def _vintages(found: Explored) -> tuple[str, Table]:
    title = f"Vintage: ever {found.vintage_days}+ days past due by mob, % of accounts 账龄表"
    table = _table("cohort 放款月", "n", *map(str, found.mobs))
    for row in found.vintages:
        table.add_row(row.cohort, f"{row.accounts:,}", *map(_percent, row.rates))
    table.add_section()
    table.add_row("of the last 成熟度", "", *map(_percent, found.ripened))
    return title, table


def _stops(found: Explored) -> bool:
    """Whether somebody's looks stop: else each column's denominator is n."""
    return any(n not in (None, row.accounts) for row in found.vintages for n in row.observed)


def _still_observed(found: Explored) -> tuple[str, Table]:
    title = "Of how many: looked at still, or that late before looks stopped 账龄表分母"
    table = _table("cohort 放款月", "n", *map(str, found.mobs))
    for row in found.vintages:
        told = ("–" if n is None else f"{n:,}" for n in row.observed)
        table.add_row(row.cohort, f"{row.accounts:,}", *told)
    return title, table


def _rolls(found: Explored) -> tuple[str, Table]:
    title = "Roll rates: from a month's end to the next, % of account-months 滚动率"
    ends = ("better 好转", "same 不变", "worse 恶化")
    table = _table("from 从", "n", *found.buckets, *ends)
    for row in found.roll_rates:
        cells = (*row.rates, row.better, row.same, row.worse)
        table.add_row(row.bucket, f"{row.account_months:,}", *map(_percent, cells))
    return title, table


def _firsts(found: Explored) -> tuple[str, Table]:
    title = "First payment default: n whose first bill was due so long ago, % unpaid 首逾"
    names = (name for days in found.fpd_days for name in ("n", f"FPD{days}"))
    table = _table("cohort 放款月", *names)
    for row in found.first_payments:
        pairs = zip(row.accounts, row.rates, strict=True)
        table.add_row(
            row.cohort, *(cell for n, rate in pairs for cell in (f"{n:,}", _percent(rate)))
        )
    return title, table


def _cohorts(found: Explored) -> tuple[str, Table]:
    names = ("good 好", "bad 坏", "indeterminate 中间", "excluded 剔除", "not mature 未成熟")
    title = f"Rows of the recipe, looked at by {found.observation} 样本"
    table = _table("cohort 观察月", "n", *names, "bad rate 坏率 %")
    for row in found.cohorts:
        counts = (row.good, row.bad, row.indeterminate, row.excluded, row.not_mature)
        cells = [f"{count:,}" for count in counts]
        table.add_row(row.cohort, f"{row.observed:,}", *cells, _percent(row.bad_rate))
    return title, table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
