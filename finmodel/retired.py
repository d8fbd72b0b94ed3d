"""Versions that were ended: which, why and by whom, and what may no longer be done with them.

    exports/<name>/retired.json       a signed list; the export of each stays, for replays

Comes in: a model's name and a key. Goes out: what was retired, or Damaged. Knows no MLflow; who may
retire is asked in the registry.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from finmodel.errors import Refused
from finmodel.pointers import pointer_path
from finmodel.sealed import Seal, read_sealed, write_sealed

_SEAL = Seal("retired", "retired versions", "list", "retire the version again")


class Retired(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version that was ended."""

    version: int
    reason: str
    by: str
    at: str
    """ISO 8601, UTC."""
    audit_entry: str


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    versions: tuple[Retired, ...]


def retired_path(exports: Path, name: str) -> Path:
    """The file of a model's retired versions."""
    return pointer_path(exports, name, "retired")


def retired_versions(exports: Path, name: str, keys: Path) -> dict[int, Retired]:
    """What was retired of a model, by version."""
    path = retired_path(exports, name)
    plain = read_sealed(path, _SEAL, keys)
    if plain is None:
        return {}
    told = msgspec.json.decode(plain, type=_List)
    if told.name != name:
        raise _SEAL.damaged(path, f"it is the list of {told.name}")
    return {one.version: one for one in told.versions}


def write_retired(exports: Path, name: str, retired: Retired, keys: Path) -> None:
    """Add one version to the list."""
    known = retired_versions(exports, name, keys) | {retired.version: retired}
    plain = msgspec.json.encode(_List(name, tuple(known.values())))
    write_sealed(retired_path(exports, name), _SEAL, plain, keys)


def require_not_retired(exports: Path, name: str, version: int, keys: Path) -> None:
    """Refused, with the reason, where the version was ended."""
    found = retired_versions(exports, name, keys).get(version)
    if found is not None:
        raise Refused(
            f"it was retired by {found.by}: {found.reason}",
            where=f"{name} version {version}",
            remedy="promote another version",
        )
