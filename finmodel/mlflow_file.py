"""MLflow's own SQLite file as it lies: aliases, versions and runs, asked without MLflow.

A file's path comes in, names, versions and figures go out, or why the file cannot be read. For
whoever must only look: MLflow's client takes seconds to import, waits long for a database that is
locked, and lays out what is missing. All else asks `tracking`.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from finmodel.settings import Settings
from finmodel.sqlite_errors import read_only, typed
from finmodel.tracking import VersionTags

PATIENCE_S: Final = 2.0
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class RunKept:
    """A run as MLflow keeps it."""

    id: str
    name: str
    experiment: str
    status: str
    started_ms: int
    ended_ms: int | None
    """None while it runs, and where it was killed."""
    figures: dict[str, float] = field(default_factory=dict)
    """The newest of each that was asked for."""


def database_of(settings: Settings) -> Path | None:
    """The file of a registry that is kept in one; None where a server keeps it."""
    uri = settings.mlflow_uri
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def aliases_in(path: Path) -> dict[str, dict[str, int | None]]:
    """Every registered name, with the version of each of its aliases.

    NotReady where it is locked, Damaged where it is broken or is no database of MLflow's.
    """
    with typed(path), closing(read_only(path, PATIENCE_S)) as db:
        found: dict[str, dict[str, int | None]] = {
            name: {} for (name,) in db.execute("SELECT name FROM registered_models")
        }
        rows = db.execute("SELECT name, alias, version FROM registered_model_aliases")
        for name, alias, version in rows:
            found.setdefault(name, {})[alias] = int(version)
    return found


def versions_in(path: Path) -> list[VersionTags]:
    """Registered versions, the newest first within each name; errors as `aliases_in` has them."""
    with typed(path), closing(read_only(path, PATIENCE_S)) as db:
        tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        for name, version, key, value in db.execute(
            "SELECT name, version, key, value FROM model_version_tags"
        ):
            tags[name, version][key] = value
        aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
        for name, alias, version in db.execute(
            "SELECT name, alias, version FROM registered_model_aliases ORDER BY alias"
        ):
            aliases[name, int(version)].append(alias)
        rows = db.execute(
            "SELECT name, version, run_id FROM model_versions ORDER BY name, version DESC"
        ).fetchall()
    return [
        VersionTags(name, version, run or "", tags[name, version], tuple(aliases[name, version]))
        for name, version, run in rows
    ]


def runs_in(path: Path, figures: tuple[str, ...], most: int) -> list[RunKept]:
    """The newest runs that were not deleted, with some of their figures; errors as above.

    A run within another, as a trial of a search, is in that one's hours and is not told apart.
    """
    asked = ",".join("?" * len(figures))
    with typed(path), closing(read_only(path, PATIENCE_S)) as db:
        rows = db.execute(
            "SELECT run_uuid, runs.name, experiments.name, status, start_time, end_time FROM runs"
            " JOIN experiments USING (experiment_id) WHERE runs.lifecycle_stage = 'active'"
            " AND run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"
            " ORDER BY start_time DESC LIMIT ?",
            (most,),
        ).fetchall()
        found = {row[0]: RunKept(*row) for row in rows}
        for run, key, value in db.execute(
            "SELECT run_uuid, key, value FROM latest_metrics"
            f" WHERE NOT is_nan AND key IN ({asked})",
            figures,
        ):
            if run in found:
                found[run].figures[key] = value
    return list(found.values())
