"""A simulation on a screen: what changes, the swap set, and the table of cut-offs.

Figures come in; tables for a person, or one JSON object for a program, go out. As in monitoring no
bad rate is told of fewer than 30 matured decisions, but how many there are.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from rich.table import Table

from finmodel.drift import FEWEST
from risk.policy.simulation import Cell, CutOff, Figures, without_few
from serving.screen import emit, screen
from serving.simulation import Simulation

NONE, UNSCORED = "not mature 未成熟", "not scored 无评分"
FEW = "too few 样本过少"
NOBODY = "–"
"""Of a cell without a decision."""


def show_simulation(found: Simulation, as_json: bool) -> None:
    """Print a simulation."""
    found = replace(found, figures=without_few(found.figures, FEWEST))
    if as_json:
        emit(found, as_json=True)
        return
    figures, console = found.figures, screen()
    emit(_summary(found, figures), as_json=False)
    for table in (_swap(figures.swap_set), _cuts(figures.cut_offs)):
        console.print()
        console.print(table)


def _summary(found: Simulation, figures: Figures) -> dict[str, object]:
    told = asdict(found)
    del told["figures"]
    return told | {
        "decisions": figures.decisions,
        "approval 通过率": f"{figures.approval_was:.2%} → {figures.approval_now:.2%}",
        "of them by lot 随机放行": f"{figures.by_lot_was} → {figures.by_lot_now}",
        "matured 已成熟": figures.matured,
        "bad rate, none by lot 坏账率（不含随机放行）": (
            f"{_rate(figures.bad_rate_was, _why(figures.matured_was))}"
            f" → {_rate(figures.bad_rate_now, _why(figures.matured_now))}"
        ),
        "expected loss 预期损失 (minor units)": (
            f"{figures.expected_loss_was_minor:,} → {figures.expected_loss_now_minor:,}"
        ),
        "who changes 变化": figures.changes,
    }


def _swap(cells: tuple[Cell, ...]) -> Table:
    table = Table(title="swap set 换入换出", box=None, pad_edge=False, title_justify="left")
    for name in ("was", "now", "count", "matured", "bad rate", "expected bad rate"):
        table.add_column(name)
    for cell in cells:
        whys = (_why(cell.matured), UNSCORED) if cell.count else (NOBODY, NOBODY)
        rates = _rate(cell.bad_rate, whys[0]), _rate(cell.expected_bad_rate, whys[1])
        table.add_row(cell.was, cell.now, f"{cell.count:,}", f"{cell.matured:,}", *rates)
    return table


def _cuts(cuts: tuple[CutOff, ...]) -> Table:
    table = Table(title="cut-offs 切分点", box=None, pad_edge=False, title_justify="left")
    for name in ("points", "approval", "matured", "bad rate", "lift", "profit (minor units)"):
        table.add_column(name, justify="right")
    for cut in cuts:
        lift = "—" if cut.lift is None else f"{cut.lift:.2f}"
        table.add_row(
            f"{cut.points:.1f}",
            f"{cut.approval:.2%}",
            f"{cut.matured:,}",
            _rate(cut.bad_rate, _why(cut.matured)),
            lift,
            f"{cut.profit_minor:,}",
        )
    return table


def _why(matured: int) -> str:
    """Why there is no rate of so many."""
    return FEW if matured else NONE


def _rate(rate: float | None, without: str) -> str:
    return without if rate is None else f"{rate:.2%}"
