"""`finmodel tune RECIPE --plan`: what a run needs, shown before it begins.

A recipe, a base and a card's name in, a table out. Nobody's conversations are read and no weight is
loaded, so nobody is asked for a key.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finmodel.errors import BadInput, NotFound
from serving.bases import base_folder, hush_peft
from serving.screen import emit

if TYPE_CHECKING:
    from fine_tune.recipe import Recipe

TOKENS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan is made for."""

    device: str
    utilisation: float | None
    """None: the device's own default."""
    tokens: int


def show_plan(recipe: Recipe, base: str, beside: Path, asked: Asked, shelf: Path) -> object:
    """The plan of a recipe."""
    if asked.tokens < 1:
        raise BadInput("a run has tokens", where="--tokens", remedy=f"give {TOKENS}")
    if asked.utilisation is not None and not 0 < asked.utilisation <= 1:
        raise BadInput(
            f"{asked.utilisation:g} is no share", where="--utilisation", remedy="give 0.5, say"
        )
    hush_peft()
    from fine_tune.planning.plan import config_of, device_of, plan_run

    device = device_of(asked.device)
    return plan_run(
        config_of(base, _folder(base, beside, shelf)),
        recipe,
        device,
        base,
        tokens=asked.tokens,
        utilisation=asked.utilisation or device.utilisation,
    )


def emit_plan(plan: object, as_json: bool) -> None:
    """For a person the settings stand in a table of their own, below the plan."""
    if as_json:
        emit(plan, True)
        return
    told = asdict(plan)  # type: ignore[call-overload]
    rows = told.pop("settings")
    emit(told, False)
    for row in rows:
        fits = row["checkpointed_layers"] is not None
        row["checkpointed_layers"] = row["checkpointed_layers"] if fits else "does not fit"
    emit(rows, False)


def _folder(base: str, beside: Path, shelf: Path) -> Path | None:
    """A base's directory, or None where its name is that of a shape alone."""
    from fine_tune.bases.shape import KNOWN

    try:
        return base_folder(base, beside, shelf)
    except NotFound as error:
        if base in KNOWN:
            return None
        raise NotFound(
            error.what,
            where=error.where,
            remedy=f"{error.remedy}; a plan also knows the shapes {', '.join(KNOWN)}",
        ) from error
