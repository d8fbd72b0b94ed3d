"""Aliases moved by hand, seen through a real MLflow registry and the audit log."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest
from mlflow import MlflowClient

from finmodel import registry
from finmodel.audit import scan
from finmodel.settings import Settings
from serving import watch
from tests.finmodel.mlflow_home import settings_at
from tests.serving.small_world import free_port, wait_until


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setattr(watch, "SETTLE_SECONDS", 0.2)
    found = settings_at(tmp_path / "home")
    client = MlflowClient(found.mlflow_uri, found.mlflow_uri)
    client.create_registered_model("behaviour_risk")
    client.create_model_version("behaviour_risk", "file:///nowhere")
    return found


def move(settings: Settings) -> None:
    client = MlflowClient(settings.mlflow_uri, settings.mlflow_uri)
    client.set_registered_model_alias("behaviour_risk", "champion", 1)


def move_back(settings: Settings) -> None:
    client = MlflowClient(settings.mlflow_uri, settings.mlflow_uri)
    client.delete_registered_model_alias("behaviour_risk", "champion")


@contextmanager
def watching(settings: Settings):
    stop = threading.Event()
    thread = threading.Thread(target=watch.watch_aliases, args=(settings, stop, 0.05))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(10)


def told(settings: Settings) -> object:
    path = watch.status_file(settings)
    return msgspec.json.decode(path.read_bytes())["moved"] if path.exists() else None


def entries(settings: Settings) -> list[object]:
    return [entry.body["moved"] for entry in scan(settings.audit, "alias_moved")]


MOVED = [{"name": "behaviour_risk", "alias": "champion", "served": None, "mlflow": 1}]


def test_a_move_is_told_and_recorded_once_even_after_a_restart(settings):
    with watching(settings):
        wait_until(lambda: told(settings) == [], 20)
        move(settings)
        wait_until(lambda: told(settings) == MOVED, 20)
    with watching(settings):
        time.sleep(1)
    assert entries(settings) == [MOVED]
    with watching(settings):
        move_back(settings)
        wait_until(lambda: told(settings) == [], 20)
        move(settings)
        wait_until(lambda: told(settings) == MOVED, 20)
    assert entries(settings) == [MOVED, MOVED]


def test_what_was_only_on_its_way_is_not_recorded(settings, monkeypatch):
    looks = []

    def drifting_once(_settings):
        looks.append(1)
        return [registry.AliasDrift("behaviour_risk", "champion", 1, 2)] if len(looks) == 1 else []

    monkeypatch.setattr(watch, "alias_drift", drifting_once)
    with watching(settings):
        wait_until(lambda: told(settings) == [], 20)
    assert not settings.audit.exists()


def test_a_registry_that_does_not_answer_is_asked_again(settings, caplog, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    nowhere = replace(settings, mlflow_tracking_uri=f"http://127.0.0.1:{free_port()}")
    with watching(nowhere) as thread:
        wait_until(lambda: "aliases cannot be compared" in caplog.text, 60)
        assert thread.is_alive()
    assert told(settings) is None
