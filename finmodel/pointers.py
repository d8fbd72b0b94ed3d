"""Which version is served: signed pointers beside signed folders, each replaced by one rename.

    <folder>/<name>/<version>/        what was exported
    <folder>/<name>/champion.json     which version is served

A folder, a name and a key come in, a pointer goes out, or Damaged. Knows nothing of what lies in an
export, so that whoever serves one kind need not load what reads the others.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from finmodel.errors import BadInput, NotReady
from finmodel.sealed import Seal, read_sealed, write_sealed

WITHDRAWN = 0
"""The version of a pointer that names nobody any more."""
_SEAL = Seal("pointer", "pointer", "pointer", "export the version again from the registry")


class Pointer(msgspec.Struct, frozen=True):
    """Which version an alias serves. This file, not MLflow's alias, is what counts."""

    name: str
    alias: str
    version: int
    sequence: int
    """Grows by one with each move: who holds a greater one refuses a lesser."""
    previous: tuple[int, ...]
    """Versions to fall back to, the latest last."""
    by: str
    at: str
    """ISO 8601, UTC."""
    demo: bool
    reason: str
    audit_entry: str
    """The audit entry of this move; an entry that no pointer names was a move that never ended."""

    @property
    def withdrawn(self) -> bool:
        """Whether it names nobody any more."""
        return self.version == WITHDRAWN


def set_champion(exports: Path, pointer: Pointer, keys: Path) -> None:
    """Point an alias to an exported version, with one rename."""
    path = pointer_path(exports, pointer.name, pointer.alias)
    write_sealed(path, _SEAL, msgspec.json.encode(pointer), keys)


def read_champion(exports: Path, name: str, keys: Path, alias: str = "champion") -> Pointer:
    """An alias's pointer; NotReady where it names nobody, Damaged where it is not as signed."""
    pointer = last_pointer(exports, name, keys, alias)
    if pointer is None:
        raise NotReady(
            f"no {alias} was ever promoted", where=name, remedy="promote a version first"
        )
    if pointer.withdrawn:
        raise NotReady(
            f"its {alias} was withdrawn by {pointer.by}: {pointer.reason}",
            where=name,
            remedy=f"promote another: finmodel promote {name} --to {alias}",
        )
    return pointer


def last_pointer(exports: Path, name: str, keys: Path, alias: str = "champion") -> Pointer | None:
    """The pointer as it was moved last, also to nobody; None where it was never set."""
    path = pointer_path(exports, name, alias)
    plain = read_sealed(path, _SEAL, keys)
    if plain is None:
        return None
    pointer = msgspec.json.decode(plain, type=Pointer)
    if (pointer.name, pointer.alias) != (name, alias):
        raise _SEAL.damaged(path, f"it is the pointer of {pointer.name}@{pointer.alias}")
    return pointer


def find_pointer(exports: Path, name: str, keys: Path, alias: str = "champion") -> Pointer | None:
    """The same; None where it names nobody."""
    pointer = last_pointer(exports, name, keys, alias)
    return None if pointer is None or pointer.withdrawn else pointer


def export_folder(exports: Path, name: str, version: int) -> Path:
    """The folder of an exported version."""
    return _model_folder(exports, name) / str(version)


def pointer_path(exports: Path, name: str, alias: str) -> Path:
    """The file of an alias's pointer."""
    return _model_folder(exports, name) / f"{alias}.json"


def _model_folder(exports: Path, name: str) -> Path:
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise BadInput("it is not a model's name", where=repr(name), remedy="see `finmodel models`")
    return exports / name
