"""Signed models in a folder: the only thing that serving loads.

    exports/<name>/<version>/{model.txt, manifest.json, SIGNATURE.json,
                                scorecard.json or uplift.json where there is one}
    exports/<name>/champion.json      which version is served, signed, replaced by one rename

A manifest and a model's text go in, a scorer that was verified before it was parsed comes out.
Knows no MLflow: what is registered there and what lies here are compared elsewhere.
"""

from __future__ import annotations

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
from finmodel.pointers import export_folder, read_champion
from finmodel.scorer import Scorer
from finmodel.signed_folders import write_signed
from finmodel.signing import verify_folder

__all__ = [
    "Calibration",
    "Digests",
    "ExportedModel",
    "Manifest",
    "Policy",
    "ReasonGroup",
    "Scaling",
    "load_export",
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
_REMEDY = "export the version again from the registry"


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A verified model, ready to score."""

    manifest: Manifest
    scorer: Scorer
    card: bytes = b""
    """The scorecard's JSON; empty where none was trained."""
    uplift: bytes = b""
    """What each treatment changes, as JSON; empty where it knows of none."""


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


def load_champion(exports: Path, name: str, keys: Path, alias: str = "champion") -> ExportedModel:
    """The version that an alias serves; NotReady and Damaged as `read_champion`, `load_export`."""
    pointer = read_champion(exports, name, keys, alias)
    return load_export(export_folder(exports, name, pointer.version), keys)


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
