"""Versions that were ended: which, why and by whom, and what may no longer be done with them.

    exports/<name>/retired.json       a signed list; the export of each stays, for replays

Comes in: a model's name and a key. Goes out: what was retired, or Damaged. Knows no MLflow; who may
retire is asked in the registry.
"""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec

from finmodel.durable import replace_file
from finmodel.errors import Damaged, Refused
from finmodel.export import pointer_path
from finmodel.signing import sign_bytes, verify_bytes

_CONTEXT = "retired versions"
_LARGEST = 1 << 20


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


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    retired: msgspec.Raw
    signature: str


def retired_path(exports: Path, name: str) -> Path:
    """The file of a model's retired versions."""
    return pointer_path(exports, name, "retired")


def retired_versions(exports: Path, name: str, keys: Path) -> dict[int, Retired]:
    """What was retired of a model, by version."""
    path = retired_path(exports, name)
    try:
        sealed = msgspec.json.decode(path.read_bytes()[:_LARGEST], type=_Sealed)
        plain = bytes(sealed.retired)
        signature = base64.b64decode(sealed.signature, validate=True)
    except FileNotFoundError:
        return {}
    except (msgspec.MsgspecError, ValueError) as error:
        raise _damaged(path, "it is not a signed list") from error
    verify_bytes(plain, signature, keys, context=_CONTEXT)
    told = msgspec.json.decode(plain, type=_List)
    if told.name != name:
        raise _damaged(path, f"it is the list of {told.name}")
    return {one.version: one for one in told.versions}


def write_retired(exports: Path, name: str, retired: Retired, keys: Path) -> None:
    """Add one version to the list."""
    known = retired_versions(exports, name, keys) | {retired.version: retired}
    plain = msgspec.json.encode(_List(name, tuple(known.values())))
    signature = base64.b64encode(sign_bytes(plain, keys, context=_CONTEXT)).decode()
    path = retired_path(exports, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, msgspec.json.encode(_Sealed(msgspec.Raw(plain), signature)), 0o644)


def require_not_retired(exports: Path, name: str, version: int, keys: Path) -> None:
    """Refused, with the reason, where the version was ended."""
    found = retired_versions(exports, name, keys).get(version)
    if found is not None:
        raise Refused(
            f"it was retired by {found.by}: {found.reason}",
            where=f"{name} version {version}",
            remedy="promote another version",
        )


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(what, where=str(path), remedy="retire the version again")
