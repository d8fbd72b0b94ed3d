"""The bases that a home knows by name.

A directory or a GGUF file comes in and gets a name; a name comes in and its directory goes out.
What somebody brought stays where it is: the shelf only says where, and what its bytes were.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from fine_tune.bases.base import open_base
from fine_tune.bases.shipped import TINY, shipped
from finmodel.durable import disk_error, replace_file
from finmodel.errors import BadInput, Damaged, NotFound

_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


class Shelved(msgspec.Struct, frozen=True):
    """A base that is known by name."""

    name: str
    folder: str
    digest: str
    """Of its configuration, tokenizer and weights when it was brought."""
    gguf: str = ""
    """The same base for serving; empty where none was brought."""


def shelve(shelf: Path, name: str, folder: Path, gguf: Path | None = None) -> Shelved:
    """Look at a base and remember it under a name; BadInput where it may not be used."""
    require_name(name)
    base = open_base(folder)
    said = Shelved(name, str(folder.absolute()), base.digest, str(gguf.absolute()) if gguf else "")
    try:
        shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, shelf) from error
    replace_file(shelf / f"{name}.json", msgspec.json.format(msgspec.json.encode(said)))
    return said


def require_name(name: str) -> None:
    """BadInput where a base may not be called so: asked before a folder is."""
    if not _NAME.match(name) or name == TINY:
        raise BadInput(
            f"{name!r} is the shipped base's name" if name == TINY else f"{name!r} is no name",
            where="--name",
            remedy="use a-z, 0-9, dots and dashes, and another name than the shipped base's",
        )


def shelved(shelf: Path) -> list[Shelved]:
    """All bases of a shelf, by name."""
    return [_read(path) for path in sorted(shelf.glob("*.json"))]


def all_bases(shelf: Path) -> list[Shelved]:
    """The shipped base, and all of a shelf."""
    folder = shipped()
    return [Shelved(TINY, str(folder), open_base(folder).digest), *shelved(shelf)]


def find_base(shelf: Path, name: str) -> Shelved:
    """The base of a name; NotFound where the shelf has none."""
    path = shelf / f"{name}.json"
    if not _NAME.match(name) or not path.is_file():
        there = ", ".join(one.name for one in shelved(shelf)) or "none yet"
        raise NotFound(
            f"no base is called {name!r} (there are: {there})",
            where="base",
            remedy=f"bring it: finmodel base get {name}, or finmodel base add DIR --name {name}",
        )
    return _read(path)


def _read(path: Path) -> Shelved:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Shelved)
    except (msgspec.MsgspecError, OSError) as error:
        raise Damaged(
            "it says of no base where it is",
            where=str(path),
            remedy="remove it; add the base again",
        ) from error
