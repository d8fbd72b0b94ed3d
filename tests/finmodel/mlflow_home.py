"""A home folder whose MLflow database is ready: making one anew takes MLflow ten seconds."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from finmodel import tracking
from finmodel.settings import Settings


@cache
def _template() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="mlflow-")
    assert tracking.versions(Settings(home=Path(folder.name), data=Path(folder.name))) == []
    return folder


def settings_at(home: Path) -> Settings:
    """Settings of a new home with an empty MLflow."""
    home.mkdir()
    shutil.copy(Path(_template().name) / "mlflow.db", home)
    return Settings(home=home, data=home)
