"""The only door to MLflow: runs, models, versions, tags and aliases.

Text, numbers and names go in and out; no MLflow object leaves. Nothing here decides what is served.
MLflow takes seconds to import, so it is imported when first asked, quiet and without telemetry.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from finmodel.errors import BadInput, FinmodelError, NotFound
from finmodel.mlflow_server import (
    client_of,
    connect,
    experiment_of,
    is_known,
    open_mlflow,
    translated,
)
from finmodel.records import Float32s, Float64s
from finmodel.run_hours import RunHours
from finmodel.settings import Settings

LARGEST_MODEL = 256 << 20
_MODEL_CLASS = "lightgbm.basic.Booster"
_LOADER = "mlflow.lightgbm"


@dataclass(frozen=True, slots=True)
class Run:
    """A training run under way."""

    id: str
    settings: Settings
    hours: RunHours

    def log(self, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Keep parameters and figures with the run; what an earlier life of it logged stands."""
        mlflow = open_mlflow()
        with translated(self.settings, f"run {self.id}"):
            known = client_of(self.settings).get_run(self.id).data.params
            fresh = {name: value for name, value in params.items() if name not in known}
            mlflow.log_params({name: str(value)[:500] for name, value in fresh.items()})
            mlflow.log_metrics(dict(metrics))
        self.hours.note(metrics)

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keep figures of one step."""
        with translated(self.settings, f"run {self.id}"):
            open_mlflow().log_metrics(dict(metrics), step=step)
        self.hours.note(metrics)

    def log_hours(self) -> None:
        """Keep the hours that it took, unless it told them itself; also after it ended."""
        client = client_of(self.settings)
        with translated(self.settings, f"run {self.id}"):
            untold = self.hours.untold(client.get_run(self.id).data.metrics)
            for name, value in untold.items():
                client.log_metric(self.id, name, value)
        self.hours.note(untold)

    def log_folder(self, folder: Path, name: str) -> str:
        """Keep a folder's files beside the run; give its address."""
        with translated(self.settings, f"run {self.id}"):
            open_mlflow().log_artifacts(str(folder), name)
        return f"runs:/{self.id}/{name}"

    def log_model(self, text: str, names: tuple[str, ...]) -> str:
        """Keep a model as MLflow's own LightGBM flavour, with its signature; give its address."""
        import lightgbm as lgb

        mlflow = open_mlflow()
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        signature = ModelSignature(
            inputs=Schema([ColSpec("float", name) for name in names]),
            outputs=Schema([ColSpec("double")]),
        )
        with translated(self.settings, f"run {self.id}"):
            logged = mlflow.lightgbm.log_model(
                lgb.Booster(model_str=text),
                name="model",
                signature=signature,
                pip_requirements=[f"lightgbm=={lgb.__version__}", f"numpy=={np.__version__}"],
            )
        return str(logged.model_uri)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered model version as MLflow holds it."""

    name: str
    version: int
    run_id: str
    source: str
    tags: dict[str, str]
    run_user: str
    """Who MLflow says ran the run."""
    text: str
    """The model's text; empty where it is not a native LightGBM model."""
    flavour: str
    """The class that was logged."""
    signature: tuple[str, ...]
    """Names of the inputs; empty where it was logged without a signature."""

    @property
    def where(self) -> str:
        """Its name and version, for sentences."""
        return f"{self.name} version {self.version}"


@dataclass(frozen=True, slots=True)
class VersionTags:
    """A registered version without its model."""

    name: str
    version: int
    run_id: str
    tags: dict[str, str]
    aliases: tuple[str, ...]


@contextmanager
def run(
    settings: Settings,
    experiment: str,
    tags: Mapping[str, str],
    before: str = "",
    since: float | None = None,
) -> Iterator[Run]:
    """A run in an experiment; marked KILLED where it is interrupted, FAILED where it fails.

    `before` is the id of a run that goes on; where MLflow does not know it, a new one begins.
    However it ends, the hours of its work are kept; `since` is when that began (`run_hours`).
    """
    mlflow, hours = connect(settings), RunHours(since)
    with translated(settings, experiment):
        identity = experiment_of(settings, experiment)
        if before and is_known(settings, before):
            started = mlflow.start_run(run_id=before, tags=dict(tags), nested=True)
        else:
            started = mlflow.start_run(experiment_id=identity, tags=dict(tags), nested=True)
    under_way = Run(started.info.run_id, settings, hours)
    try:
        yield under_way
        with suppress(FinmodelError):  # for want of a figure of the bill no work is thrown away
            under_way.log_hours()
    except BaseException as error:
        status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        _end_anyhow(under_way, status)
        raise
    with translated(settings, experiment):
        mlflow.end_run("FINISHED")


def _end_anyhow(run: Run, status: str) -> None:
    """Tell MLflow how a run ended; once more where its database was held for a moment.

    What went wrong in the run says more than that MLflow could not be told, as of a full disk.
    """
    mlflow = connect(run.settings)
    ways: tuple[Callable[[], object], ...] = (
        lambda: mlflow.end_run(status),
        lambda: client_of(run.settings).set_terminated(run.id, status),
    )
    with _unheard("mlflow.store.db.utils"):
        for tell in ways:
            with suppress(Exception):
                tell()
                run.log_hours()
                return


@contextmanager
def _unheard(name: str) -> Iterator[None]:
    """Keep a library from telling, with a traceback, what is suppressed here."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def register(
    settings: Settings, name: str, source: str, run_id: str, tags: Mapping[str, str]
) -> int:
    """Register a logged model as the next version of a name; its number."""
    client = client_of(settings)
    from mlflow.exceptions import MlflowException

    with translated(settings, name):
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = client.create_model_version(name, source, run_id, tags=dict(tags))
    return int(version.version)


def fetch(settings: Settings, name: str, version: int) -> Candidate:
    """A registered version with its model's text."""
    client = client_of(settings)
    with translated(settings, f"{name} version {version}"):
        found = client.get_model_version(name, str(version))
        user = client.get_run(found.run_id).data.tags.get("mlflow.user", "") if found.run_id else ""
        with tempfile.TemporaryDirectory() as folder:
            local = _download(f"models:/{name}/{version}", Path(folder))
            described = _description(local)
            text = _text(local, described)
    return Candidate(
        name=name,
        version=version,
        run_id=found.run_id or "",
        source=found.source,
        tags=dict(found.tags),
        run_user=user,
        text=text,
        flavour=str(described["flavors"].get("lightgbm", {}).get("model_class", "")),
        signature=_input_names(described),
    )


def predict(settings: Settings, source: str, matrix: Float32s, names: tuple[str, ...]) -> Float64s:
    """(n,) probabilities of the model as MLflow itself computes them: the oracle of parity.

    Only a plain LightGBM Booster is loaded; anything else could run code of its own.
    """
    import pandas as pd

    mlflow = connect(settings)
    with translated(settings, source), tempfile.TemporaryDirectory() as folder:
        local = _download(source, Path(folder))
        if not _text(local, _description(local)):
            raise BadInput("it is not a native LightGBM model", where=source)
        model = mlflow.pyfunc.load_model(str(local))
        answer = model.predict(pd.DataFrame(matrix, columns=list(names)))
    return np.asarray(answer, dtype=np.float64)


def keep(settings: Settings, run_id: str, file: str, text: str) -> None:
    """Keep a text beside a run, also after it ended."""
    with translated(settings, f"run {run_id}"):
        client_of(settings).log_text(run_id, text, file)


def kept(settings: Settings, run_id: str, file: str) -> bytes:
    """A text kept beside a run."""
    with brought(settings, run_id, file) as local:
        return local.read_bytes()


@contextmanager
def brought(settings: Settings, run_id: str, name: str) -> Iterator[Path]:
    """A file or folder kept beside a run, brought here for as long as it is looked at."""
    client = client_of(settings)
    with tempfile.TemporaryDirectory() as folder:
        with translated(settings, f"run {run_id}: {name}"):
            local = Path(client.download_artifacts(run_id, name, folder))
        yield local


def files(settings: Settings, run_id: str) -> frozenset[str]:
    """The names of what is kept beside a run."""
    with translated(settings, f"run {run_id}"):
        return frozenset(str(one.path) for one in client_of(settings).list_artifacts(run_id))


def figures(settings: Settings, run_id: str) -> dict[str, float]:
    """The last figure of each name that a run was logged with."""
    with translated(settings, f"run {run_id}"):
        return dict(client_of(settings).get_run(run_id).data.metrics)


def seconds(settings: Settings, run_id: str) -> float:
    """How long a run took that has ended, from its beginning in this process on."""
    with translated(settings, f"run {run_id}"):
        told = client_of(settings).get_run(run_id).info
    return float(told.end_time - told.start_time) / 1000


def tag(settings: Settings, name: str, version: int, tags: Mapping[str, str]) -> None:
    """Set tags of a version."""
    client = client_of(settings)
    with translated(settings, f"{name} version {version}"):
        for key, value in tags.items():
            client.set_model_version_tag(name, str(version), key, value)


def tags(settings: Settings, name: str, version: int) -> dict[str, str]:
    """The tags of a version."""
    client = client_of(settings)
    with translated(settings, f"{name} version {version}"):
        return dict(client.get_model_version(name, str(version)).tags)


def versions(settings: Settings, name: str | None = None) -> list[VersionTags]:
    """Registered versions, newest first within each name."""
    client = client_of(settings)
    with translated(settings, name or "the registry"):
        aliases = {model.name: dict(model.aliases) for model in client.search_registered_models()}
        wanted = [name] if name is not None else sorted(aliases)
        found = [v for one in wanted for v in client.search_model_versions(f"name='{one}'")]
    rows = [
        VersionTags(
            name=one.name,
            version=int(one.version),
            run_id=one.run_id or "",
            tags=dict(one.tags),
            aliases=tuple(
                sorted(
                    a for a, v in aliases.get(one.name, {}).items() if int(v) == int(one.version)
                )
            ),
        )
        for one in found
    ]
    return sorted(rows, key=lambda row: (row.name, -row.version))


def version_of(settings: Settings, name: str, version: int | None) -> VersionTags:
    """A registered version, the newest if none is named; NotFound if there is no such."""
    for row in versions(settings, name):
        if version in (None, row.version):
            return row
    which = name if version is None else f"{name} version {version}"
    raise NotFound("there is no such model", where=which, remedy="see `finmodel models`")


def set_alias(settings: Settings, name: str, alias: str, version: int) -> None:
    """Point MLflow's alias to a version."""
    with translated(settings, name):
        client_of(settings).set_registered_model_alias(name, alias, str(version))


def drop_alias(settings: Settings, name: str, alias: str) -> None:
    """Take MLflow's alias away, if it is there."""
    with translated(settings, name):
        client_of(settings).delete_registered_model_alias(name, alias)


def alias(settings: Settings, name: str, alias: str) -> int | None:
    """The version that MLflow's alias points to; None where there is none."""
    client = client_of(settings)
    with translated(settings, name):
        found = [model for model in client.search_registered_models(f"name='{name}'")]
    return int(found[0].aliases[alias]) if found and alias in found[0].aliases else None


def _download(source: str, folder: Path) -> Path:
    return Path(open_mlflow().artifacts.download_artifacts(source, dst_path=str(folder)))


def _description(local: Path) -> dict[str, Any]:
    described = yaml.safe_load((local / "MLmodel").read_text(encoding="utf-8"))
    if not isinstance(described, dict) or not isinstance(described.get("flavors"), dict):
        raise BadInput("its MLmodel file names no flavour", where=str(local.name))
    return described


def _text(local: Path, described: Mapping[str, Any]) -> str:
    """The model's text, where MLmodel describes a plain Booster and nothing that runs code."""
    flavour = described["flavors"].get("lightgbm", {})
    pyfunc = described["flavors"].get("python_function", {})
    file = str(flavour.get("data", ""))
    plain = (
        flavour.get("model_class") == _MODEL_CLASS
        and pyfunc.get("loader_module") == _LOADER
        and not (pyfunc.get("code") or flavour.get("code"))
        and file == pyfunc.get("data") == Path(file).name
    )
    path = local / file
    if not plain or not path.is_file() or path.stat().st_size > LARGEST_MODEL:
        return ""
    data = path.read_bytes()
    return data.decode("utf-8") if data.startswith(b"tree\n") else ""


def _input_names(described: Mapping[str, Any]) -> tuple[str, ...]:
    signature = described.get("signature") or {}
    return tuple(str(part.get("name", "")) for part in json.loads(signature.get("inputs") or "[]"))
