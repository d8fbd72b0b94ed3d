"""What is stored of one version, gathered for its model document.

A name and a version come in; what MLflow keeps with its run, the audit log's acts, its alerts and
where it is served come out. What was never stored is None: nothing is computed or guessed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from finmodel import tracking
from finmodel.audit import Entry
from finmodel.errors import BadInput, Damaged
from finmodel.manifest import Manifest
from finmodel.pointers import export_folder
from finmodel.recipe_text import convert, parse_text
from finmodel.registry import manifest_file, served_by
from finmodel.retired import Retired, retired_versions
from finmodel.settings import Settings
from finmodel.version_acts import acts_of
from risk.groups import GroupRow
from risk.labels.fates import CohortCount
from risk.monitor.alerts import alerts_of
from risk.monitor.panels import Alert, Header
from risk.monitor.reference import FILE as REFERENCE_FILE
from risk.recipe import Recipe
from risk.report.record import REPORT_FILE, Report

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known of a version; None or empty where nothing was stored."""

    name: str
    version: int
    now: datetime
    tags: dict[str, str]
    run_id: str
    recipe_text: str
    """As written; empty where no recipe was kept, as of a model from a notebook."""
    recipe: Recipe | None
    """None also where the recipe can no longer be read."""
    manifest: Manifest | None
    report: Report | None
    groups: tuple[GroupRow, ...] | None
    cohorts: tuple[CohortCount, ...] | None
    acts: tuple[Entry, ...]
    """The oldest first."""
    whole_log: bool
    """Whether the acts were found by walking the whole audit log."""
    served_as: tuple[str, ...]
    retired: Retired | None
    exported: bool
    has_reference: bool
    """Whether the build sample's counts were kept for monitoring."""
    alerts: tuple[Alert, ...]
    """The newest first."""
    light: Header | None
    """What monitoring said when it was last asked for a document."""


def fetch_facts(
    settings: Settings, name: str, version: int | None, *, whole_log: bool = False
) -> Facts:
    """What is stored of a version, the newest if none is named; NotFound where there is none.

    Damaged where the kept manifest is not the one that the gate judged.
    """
    row = tracking.version_of(settings, name, version)
    files = tracking.files(settings, row.run_id) if row.run_id else frozenset[str]()
    kept = _Kept(settings, row, files)
    text = kept.bytes_of("recipe.yaml").decode()
    acts = acts_of(settings, name, row.version, whole_log=whole_log)
    return Facts(
        name=name,
        version=row.version,
        now=settings.clock.now(),
        tags=row.tags,
        run_id=row.run_id,
        recipe_text=text,
        recipe=_recipe(text),
        manifest=_manifest(kept, acts),
        report=kept.read(REPORT_FILE, Report),
        groups=kept.read("groups.json", tuple[GroupRow, ...]),
        cohorts=kept.read("cohorts.json", tuple[CohortCount, ...]),
        acts=acts,
        whole_log=whole_log,
        served_as=tuple(one.alias for one in served_by(settings, name, row.version)),
        retired=retired_versions(settings.exports, name, settings.signing).get(row.version),
        exported=export_folder(settings.exports, name, row.version).is_dir(),
        has_reference=REFERENCE_FILE in files,
        alerts=tuple(one for one in alerts_of(settings, name) if one.version == row.version),
        light=kept.read(light_file(row.version), Header),
    )


def light_file(version: int) -> str:
    """The name that monitoring's last answer for a version's document is kept under.

    >>> light_file(3)
    'light-3.json'
    """
    return f"light-{version}.json"


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept beside the run of a version."""

    settings: Settings
    row: tracking.VersionTags
    files: frozenset[str]

    @property
    def where(self) -> str:
        return f"{self.row.name} version {self.row.version}"

    def bytes_of(self, file: str) -> bytes:
        return tracking.kept(self.settings, self.row.run_id, file) if file in self.files else b""

    def read(self, file: str, shape: type[Kept]) -> Kept | None:
        return self.parsed(file, self.bytes_of(file), shape)

    def parsed(self, file: str, data: bytes, shape: type[Kept]) -> Kept | None:
        try:
            return msgspec.json.decode(data, type=shape) if data else None
        except msgspec.DecodeError as error:
            raise BadInput(
                f"its {file} cannot be read ({error})", where=self.where, remedy="train it again"
            ) from error


def _recipe(text: str) -> Recipe | None:
    """The recipe, where this program still reads it; its text is shown in any case."""
    path = Path("recipe.yaml")
    try:
        return convert(parse_text(text, path), Recipe, path) if text else None
    except BadInput:
        return None


def _manifest(kept: _Kept, acts: tuple[Entry, ...]) -> Manifest | None:
    file = manifest_file(kept.row.version)
    data = kept.bytes_of(file)
    judged = last_gate(acts)
    if not data or judged is None:
        return None
    if sha256(data).hexdigest() != judged["manifest"]:
        raise Damaged(
            "its manifest in MLflow is not the one that was gated",
            where=kept.where,
            remedy="find out who changed it, then gate it again",
        )
    return kept.parsed(file, data, Manifest)


def last_gate(acts: tuple[Entry, ...]) -> dict[str, Any] | None:
    """What the last gate said; None where the version was never gated."""
    return next((one.body for one in reversed(acts) if one.kind == "gate"), None)
