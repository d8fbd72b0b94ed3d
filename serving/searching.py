"""`finmodel search`: a recipe's hyper-parameters searched for, and what to paste into it.

Words from a shell in, one call, an answer out. Knows nothing of how trials are judged.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving.operators import Json, settings
from serving.screen import INTERRUPTED, Progress, emit

if TYPE_CHECKING:  # it imports Feast, which takes seconds
    from risk.search_run import Search, Trial

WIDE = 120
"""Columns of the table, whatever a file or a pipe says of its width."""
_SHOWN = (
    "learning_rate", "rounds", "max_depth", "num_leaves", "min_data_in_leaf", "feature_fraction",
)  # fmt: skip


def search(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    trials: Annotated[
        int, typer.Option(help="How many parameters to try beside the recipe's own.")
    ] = 30,
    seed: Annotated[int, typer.Option(help="The same seed tries the same.")] = 0,
    json: Json = False,
) -> None:
    """Search a recipe's hyper-parameters, on its folds or its validation part; register nothing."""
    from risk.recipe import load_recipe
    from risk.search import require_trials

    here, loaded = settings(), load_recipe(recipe)
    require_trials(trials, seed)
    # Feast takes seconds to import: a mistake in the recipe need not wait for it.
    from finmodel.records import TRAINERS
    from risk.search_run import search as run
    from serving.access import signed_in

    with Progress() as progress:
        found = run(loaded, here, signed_in(here, TRAINERS), (trials, seed), progress)
    if json:
        emit(found, as_json=True)
    else:
        _show(found)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


def _show(found: Search) -> None:
    console = Console()
    console.width = max(console.width, WIDE)
    console.print(f"{found.name}: {found.trials} trials, {found.sample}, {found.rows:,} rows")
    table = Table(box=None, pad_edge=False)
    for heading in ("trial", "auc", "sd", "gain", "ks", *_SHOWN):
        table.add_column(heading, justify="right")
    for one in found.best:
        table.add_row(*_cells(one))
    console.print(table)
    console.print(found.conclusion, soft_wrap=True, highlight=False)
    typer.echo(found.params, nl=False)


def _cells(one: Trial) -> tuple[str, ...]:
    sd = "" if one.auc_sd is None else f"{one.auc_sd:.4f}"
    name = f"{one.trial}" if one.trial else "recipe"
    figures = (name, f"{one.auc:.4f}", sd, f"{one.gain:+.4f}", f"{one.ks:.4f}")
    return (*figures, *(f"{one.params[key]}" for key in _SHOWN))
