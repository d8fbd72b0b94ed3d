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
from finmodel.durable import make_folder, replace_file
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.hashed_file import Hashed, still

UNPACKED_FROM: Final = "of_gguf.sha256"
"""Beside weights that were unpacked: the hash of what they were unpacked from."""
_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


class Shelved(msgspec.Struct, frozen=True):
    """A base that is known by name."""

    name: str
    folder: str
    digest: str
    """Of its configuration, tokenizer and weights when it was brought."""
    gguf: str = ""
    """The same base for serving; empty where none was brought."""
    gguf_sha256: str = ""
    gguf_mark: tuple[int, ...] = ()
    """What the disk said of it when it was hashed."""


def shelve(shelf: Path, name: str, folder: Path, gguf: Hashed | None = None) -> Shelved:
    """Look at a base and remember it under a name; BadInput where it may not be used."""
    require_name(name)
    base = open_base(folder)
    said = Shelved(name, str(folder.absolute()), base.digest)
    return _keep(shelf, said if gguf is None else _with(said, gguf))


def gguf_of(shelf: Path, base: Shelved) -> Path | None:
    """A base's GGUF, if it has one, with the bytes that it had when it was brought.

    Asked before anything opens it: Damaged where it was changed. It is read only where the disk
    says that it may have been.
    """
    if not base.gguf:
        return None
    known = Hashed(base.gguf, base.gguf_sha256 or _noted(base), base.gguf_mark)
    now = still(known)
    if now.mark != base.gguf_mark:
        _keep(shelf, _with(base, now))
    return Path(now.path)


def _with(base: Shelved, gguf: Hashed) -> Shelved:
    return msgspec.structs.replace(
        base, gguf=gguf.path, gguf_sha256=gguf.sha256, gguf_mark=gguf.mark
    )


def _noted(base: Shelved) -> str:
    """What a base's directory says of the GGUF that it was unpacked from; empty if nothing."""
    note = Path(base.folder) / UNPACKED_FROM
    return note.read_text() if note.is_file() else ""


def _keep(shelf: Path, base: Shelved) -> Shelved:
    make_folder(shelf, 0o700)
    replace_file(shelf / f"{base.name}.json", msgspec.json.format(msgspec.json.encode(base)))
    return base


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


def with_digest(shelf: Path, digest: str) -> Shelved | None:
    """The base of a digest, one with a GGUF before one without; None where there is none."""
    there = [one for one in all_bases(shelf) if one.digest == digest]
    return next((one for one in there if one.gguf), next(iter(there), None))


def named(shelf: Path, word: str) -> Path | None:
    """The directory of the base that a person's word names, or is; None where it is neither."""
    if Path(word).is_dir():
        return Path(word)
    return next((Path(one.folder) for one in all_bases(shelf) if one.name == word), None)


def gguf_with(shelf: Path, digest: str) -> Path | None:
    """The GGUF of the base of a digest, if the shelf has it; Damaged where it was changed since."""
    found = with_digest(shelf, digest)
    return None if found is None else gguf_of(shelf, found)


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
