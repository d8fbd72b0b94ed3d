"""The way to MLflow: imported when first asked, pointed at this home's server, its refusals told.

Settings come in, the library or a client goes out; what is kept there is not known here.
"""

from __future__ import annotations

import errno
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from finmodel.addresses import without_secret
from finmodel.durable import disk_error, make_file_once
from finmodel.errors import BadInput, FinmodelError, NotFound, NotReady
from finmodel.settings import Settings

_SQLITE: Final = "sqlite:///"
_ASIDE: Final = ".mlflow-"


def open_mlflow() -> Any:
    """The library, imported now, quiet and without telemetry."""
    # Read while MLflow is imported.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    # Its own default waits four minutes for a server that is not there.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    import mlflow
    import mlflow.lightgbm
    import mlflow.pyfunc

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="The ``noload`` loader strategy")
    return mlflow


def connect(settings: Settings) -> Any:
    """The library, pointed at this home's MLflow."""
    mlflow = open_mlflow()
    settings.make_home()
    _lay_out(mlflow, settings)
    mlflow.set_tracking_uri(settings.mlflow_uri)
    mlflow.set_registry_uri(settings.mlflow_uri)
    return mlflow


def _lay_out(mlflow: Any, settings: Settings) -> None:
    """Give the home a database of its own, whole from its first moment.

    Killed while MLflow lays one out, table by table, it would leave one that it cannot read itself.
    """
    path = Path(settings.mlflow_uri.removeprefix(_SQLITE))
    if settings.mlflow_uri.startswith(_SQLITE) and not path.exists():
        with translated(settings, "a new database"):
            make_file_once(path, _empty(mlflow))


@cache
def _empty(mlflow: Any) -> bytes:
    """A database as MLflow lays it out, which takes it seconds: once in a process."""
    with TemporaryDirectory(prefix=_ASIDE) as aside:
        made = Path(aside) / "mlflow.db"
        mlflow.MlflowClient(f"{_SQLITE}{made}").search_experiments(max_results=1)
        return made.read_bytes()


def client_of(settings: Settings) -> Any:
    """A client of this home's MLflow."""
    mlflow = connect(settings)
    with translated(settings, "the registry"):
        return mlflow.MlflowClient(settings.mlflow_uri, settings.mlflow_uri)


def is_known(settings: Settings, run_id: str) -> bool:
    """Whether there is a run of this id that was not deleted."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client_of(settings).get_run(run_id).info.lifecycle_stage) == "active"
    except MlflowException:
        return False


def experiment_of(settings: Settings, name: str) -> str:
    """The id of an experiment, made where it is not there."""
    client = client_of(settings)
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    is_local = settings.mlflow_uri.startswith("sqlite:")
    # A server keeps artifacts where it was told to; beside SQLite they lie under home.
    place = (settings.home / "mlflow" / name).as_uri() if is_local else None
    return str(client.create_experiment(name, artifact_location=place))


@contextmanager
def translated(settings: Settings, what: str) -> Iterator[None]:
    """A sentence of our own in place of what MLflow, its database or the disk raises."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except FinmodelError:
        raise
    except SQLAlchemyError as error:
        _require_room(error, settings)
        raise NotReady(
            f"MLflow's database cannot be read ({type(error).__name__})",
            where=f"{what} at {without_secret(settings.mlflow_uri)}",
            remedy="see that it is whole, and that no other version of MLflow wrote it",
        ) from error
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(
                "MLflow does not know it", where=what, remedy="see `finmodel models`"
            ) from error
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise BadInput(
                "MLflow does not take it", where=what, remedy="see `finmodel models`"
            ) from error
        _require_room(error, settings)
        raise NotReady(
            f"MLflow does not answer ({error.error_code})",
            where=f"{what} at {without_secret(settings.mlflow_uri)}",
            remedy="see that it runs, then try again",
        ) from error
    except OSError as error:
        raise disk_error(error, settings.home) from error


def _require_room(error: Exception, settings: Settings) -> None:
    """NoRoom where the database says, within another error, that it could not grow."""
    if "disk is full" in str(error):
        raise disk_error(OSError(errno.ENOSPC, ""), settings.home / "mlflow.db") from error
