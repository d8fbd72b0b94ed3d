"""MLflow's database is whole or not there, whenever the process that makes it is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import create_engine, text

from finmodel import tracking
from finmodel.errors import NoRoom
from finmodel.mlflow_server import translated
from finmodel.settings import Settings

MAKE = "import sys; from pathlib import Path; from finmodel import tracking; " \
    "from finmodel.settings import Settings; home = Path(sys.argv[1]); " \
    "tracking.versions(Settings(home=home, data=home))"  # fmt: skip


def test_a_home_whose_first_command_was_killed_is_as_good_as_new(tmp_path):
    home = tmp_path / "home"
    words = [sys.executable, "-c", MAKE, str(home)]
    first = subprocess.Popen(words, env=os.environ | {"TMPDIR": str(tmp_path)})
    begun = time.monotonic()
    while not list(tmp_path.glob(".mlflow-*/mlflow.db")):  # it is being laid out
        assert first.poll() is None
        assert time.monotonic() - begun < 120
        time.sleep(0.02)
    time.sleep(0.3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (home / "mlflow.db").exists()
    settings = Settings(home=home, data=home)
    assert tracking.versions(settings) == []
    with tracking.run(settings, "after", {}) as run:
        run.log({"a": 1}, {"b": 2.0})
    assert tracking.figures(settings, run.id)["b"] == 2.0
    before = (home / "mlflow.db").stat().st_ino
    assert tracking.versions(settings) == []
    assert (home / "mlflow.db").stat().st_ino == before


def grow(connection):
    for words in ("PRAGMA max_page_count = 1", "CREATE TABLE a (b)", "CREATE TABLE c (d)"):
        connection.execute(text(words))


def test_a_database_that_could_not_grow_is_no_room(tmp_path):
    with create_engine("sqlite://").connect() as connection:
        told = translated(Settings(home=tmp_path, data=tmp_path), "run 1")
        with pytest.raises(NoRoom, match=r"mlflow\.db: there is no room left on the disk"), told:
            grow(connection)
