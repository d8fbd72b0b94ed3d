"""`finmodel document`: the model document as a file, for a reviewer or a regulator.

A model's name and version come in, one whole file goes out, written aside and renamed. What stands
in it is the business of risk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from finmodel.durable import replace_file
from finmodel.errors import BadInput, NotReady
from finmodel.settings import Settings
from risk.document.facts import Facts, fetch_facts
from risk.document.keeping import keep_made
from risk.document.stages import document_of, title_of
from risk.document.text import html, markdown
from risk.report.record import Report
from serving.reporting import require_output
from serving.screen import Progress, emit

ENDINGS = {".html": html, ".md": markdown}


@dataclass(frozen=True, slots=True)
class Asked:
    """How a document is made."""

    light: bool = False
    """Ask monitoring, which reads the decisions of 26 weeks."""
    whole_log: bool = False
    """Find what people did by walking the audit log, and not by what names its entries."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written of which version, and the document itself."""

    name: str
    version: int
    file: str
    kept: bool
    """Whether it was kept in MLflow, too: not where the version has no run."""
    document: Report


def answer(
    here: Settings,
    which: tuple[str, int | None],
    output: Path | None,
    asked: Asked,
    *,
    as_json: bool,
) -> None:
    """Write the document and tell what was written; as JSON with all that stands in it."""
    with Progress() as progress:
        made = write_document(here, which, output, asked, progress)
    about: dict[str, Any] = {
        "name": made.name,
        "version": made.version,
        "file": made.file,
        "kept": made.kept,
    }
    stages = {"stages": msgspec.to_builtins(made.document.sheets)} if as_json else {}
    emit(about | stages, as_json)


def write_document(
    here: Settings,
    which: tuple[str, int | None],
    output: Path | None,
    asked: Asked,
    progress: Progress,
) -> Made:
    """The document of (name, version), the newest if none; BadInput for an unknown ending."""
    if output is not None:
        require_output(output, ENDINGS)
    facts, no_light = fetch_facts(here, *which, whole_log=asked.whole_log), ""
    if asked.light:
        facts, no_light = _watched(here, facts, progress)
    made, title = document_of(facts, no_light), title_of(facts)
    path = output or Path(f"{facts.name}_v{facts.version}_document.html")
    replace_file(path, ENDINGS[path.suffix](made, title).encode(), 0o600)
    return Made(facts.name, facts.version, str(path), keep_made(here, facts, made), made)


def _watched(here: Settings, facts: Facts, progress: Progress) -> tuple[Facts, str]:
    """With the light of this version as of now, or with why there is none."""
    from serving.monitoring.reading import Wanted, watch_model  # numba takes a second

    try:
        seen = watch_model(here, Wanted(facts.name, facts.version), progress)
    except (BadInput, NotReady) as error:
        return facts, str(error)
    return replace(facts, light=seen.header), ""
