"""Signed models in a folder: the only thing that serving loads.

    exports/<name>/<version>/{model.txt, manifest.json, SIGNATURE.json,
                                scorecard.json or uplift.json where there is one}
    exports/<name>/champion.json      which version is served, signed, replaced by one rename

A manifest and a model's text go in, a scorer that was verified before it was parsed comes out.
Knows no MLflow: what is registered there and what lies here are compared elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.manifest import (
    Calibration,
    Digests,
    Manifest,
    Policy,
    ReasonGroup,
    Scaling,
    digests_of,
)
from finmodel.scorer import Scorer
from finmodel.sealed import Seal, read_sealed, write_sealed
from finmodel.signed_folders import write_signed
from finmodel.signing import verify_folder

__all__ = [
    "Calibration",
    "Digests",
    "ExportedModel",
    "Manifest",
    "Pointer",
    "Policy",
    "ReasonGroup",
    "Scaling",
    "load_export",
    "read_champion",
    "set_champion",
    "write_export",
]

MODEL = "model.txt"
MANIFEST = "manifest.json"
CARD = "scorecard.json"
"""Only where a scorecard was trained beside the model."""
NEEDED = frozenset({MODEL, MANIFEST})
UPLIFT = "uplift.json"
"""Only where it says what treatments change."""
BESIDE = {CARD: "scorecard", UPLIFT: "models of uplift"}
"""What may lie beside a model, as people call it."""
FILES = NEEDED | frozenset(BESIDE)
WITHDRAWN = 0
"""The version of a pointer that names nobody any more."""
_REMEDY = "export the version again from the registry"
_SEAL = Seal("pointer", "pointer", "pointer", _REMEDY)


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A verified model, ready to score."""

    manifest: Manifest
    scorer: Scorer
    card: bytes = b""
    """The scorecard's JSON; empty where none was trained."""
    uplift: bytes = b""
    """What each treatment changes, as JSON; empty where it knows of none."""


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


def write_export(
    exports: Path,
    manifest: Manifest,
    model: str,
    keys: Path,
    card: bytes = b"",
    uplift: bytes = b"",
) -> Path:
    """The signed folder of a version; written aside and renamed, so it is whole or not there."""
    about = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    folder = export_folder(exports, manifest.name, manifest.version)
    beside = {name: part for name, part in ((CARD, card), (UPLIFT, uplift)) if part}
    return write_signed(folder, {MODEL: model.encode(), MANIFEST: about} | beside, keys)


def load_export(folder: Path, keys: Path) -> ExportedModel:
    """The model in a signed folder; Damaged where anything is not as it was signed.

    The signature is checked first, and only the bytes that were checked are parsed.
    """
    if not folder.is_dir():
        raise NotReady("there is no such export", where=str(folder), remedy="promote the version")
    files = verify_folder(folder, keys, FILES)
    for name in sorted(NEEDED - files.keys()):
        raise _damaged(folder / name, "it is missing")
    manifest = _manifest(folder, files[MANIFEST])
    if sha256(files[MODEL]).hexdigest() != manifest.digests.model:
        raise _damaged(folder / MANIFEST, "it is the manifest of another model")
    try:
        scorer = Scorer.from_text(files[MODEL].decode())
    except (BadInput, Damaged, UnicodeDecodeError) as error:
        raise _damaged(folder / MODEL, f"it is not a LightGBM model's text ({error})") from error
    _require_same_features(folder, manifest, scorer)
    for name, said in beside_of(manifest).items():
        part = files.get(name, b"")
        if (sha256(part).hexdigest() if part else "") != said:
            what = f"it is not the {BESIDE[name]} that the manifest names"
            raise _damaged(folder / name, what)
    return ExportedModel(manifest, scorer, files.get(CARD, b""), files.get(UPLIFT, b""))


def beside_of(manifest: Manifest) -> dict[str, str]:
    """SHA-256 of what lies beside the model, by its file; empty where there is none."""
    return {CARD: manifest.card_sha256, UPLIFT: manifest.uplift_sha256}


def set_champion(exports: Path, pointer: Pointer, keys: Path) -> None:
    """Point an alias to an exported version, with one rename."""
    path = pointer_path(exports, pointer.name, pointer.alias)
    write_sealed(path, _SEAL, msgspec.json.encode(pointer), keys)


def load_champion(exports: Path, name: str, keys: Path, alias: str = "champion") -> ExportedModel:
    """The version that an alias serves; NotReady and Damaged as `read_champion`, `load_export`."""
    pointer = read_champion(exports, name, keys, alias)
    return load_export(export_folder(exports, name, pointer.version), keys)


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
        raise _damaged(path, f"it is the pointer of {pointer.name}@{pointer.alias}")
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


def _manifest(folder: Path, data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise _damaged(folder / MANIFEST, f"it is not a manifest ({error})") from error
    digests = digests_of(
        schema_of(manifest),
        manifest.digests.model,
        manifest.calibration,
        (manifest.policy, manifest.scaling, manifest.reasons),
    )
    if digests != manifest.digests:
        raise _damaged(folder / MANIFEST, "a digest does not match the part that it names")
    return manifest


def schema_of(manifest: Manifest) -> Any:
    """What the schema's digest covers: the service's plan, or the table's contract."""
    return manifest.plan if manifest.table is None else manifest.table


def _require_same_features(folder: Path, manifest: Manifest, scorer: Scorer) -> None:
    planned = _planned_names(manifest)
    for names, whose in ((scorer.feature_names, "the model"), (planned, "the plan")):
        if names != manifest.features:
            raise _damaged(
                folder / MANIFEST, f"it is a manifest for other features than those of {whose}"
            )


def _planned_names(manifest: Manifest) -> tuple[str, ...]:
    if manifest.table is not None:
        return manifest.table.features
    views = manifest.plan.get("views", ())
    return tuple(str(part["name"]) for view in views for part in view["features"])


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(what, where=str(path), remedy=_REMEDY)
