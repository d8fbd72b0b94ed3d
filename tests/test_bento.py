"""What a Bento packs is all that its service needs of ours; what an image copies is there."""

import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.serving.small_world import ROOT

NEEDED = {
    "bentofile.yaml": (
        "serving.decisions",
        "serving.offers.work",
        "serving.offer_flows",
        "serving.flows",
    ),
    "serving/assist.bentofile.yaml": (
        "serving.assist",
        "serving.assisting.signed_writers",
        "fine_tune.bases.as_gguf",
        "finmodel.assistant.engines.llama_cpp",
    ),
}
"""A service, and what it imports only when it is asked."""
SAYS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
if "serving.assist" in sys.modules:
    from fine_tune.bases.shipped import FOLDER
    from finmodel.assistant.guards.inbound import asked
    from finmodel.assistant.suggesting.shelf import shipped_shelf
    shipped_shelf(), asked("在吗")
    assert (FOLDER / "model.safetensors").is_file(), "the tiny base was left out"
ours = {"finmodel", "feature_store", "risk", "marketing", "fine_tune", "serving"}
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] in ours and getattr(module, "__file__", None):
        print(module.__file__)
"""


@pytest.mark.parametrize("bento", NEEDED)
def test_a_bento_holds_every_file_that_its_service_needs(tmp_path, bento):
    told = yaml.safe_load((ROOT / bento).read_text())
    assert (ROOT / told["python"]["requirements_txt"]).is_file()
    assert told["docker"]["system_packages"] == ["libgomp1"], "LightGBM's wheel expects it"
    for pattern in told["include"]:
        found = [path for path in ROOT.glob(pattern) if path.is_file()]
        assert found, f"{pattern} is nowhere"
        for path in found:
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    done = subprocess.run(
        [sys.executable, "-c", SAYS, *NEEDED[bento]],
        env={"PYTHONPATH": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    files = done.stdout.split()
    assert any("/serving/" in file for file in files)
    assert [file for file in files if not file.startswith(str(tmp_path))] == []


def test_an_image_copies_what_is_there_and_asks_no_index():
    joined = (ROOT / "serving/Containerfile").read_text().replace("\\\n", " ")
    lines = [shlex.split(one) for one in joined.splitlines() if one and not one.startswith("#")]
    copied = [source for one in lines if one[0] == "COPY" for source in one[1:-1]]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{source.split('/')[0]}" for source in copied} <= set(sent)
    pips = [one for one in lines if "pip" in one]
    assert len(pips) == 2
    assert all("--no-index" in one for one in pips)
