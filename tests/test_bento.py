"""What `bentofile.yaml` packs is all that the decision service needs of ours."""

import shutil
import subprocess
import sys

import yaml

from tests.serving.small_world import ROOT

NEEDED = ("serving.decisions", "serving.offers.work", "serving.offer_flows", "serving.flows")
SAYS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
ours = {"finmodel", "feature_store", "risk", "marketing", "fine_tune", "serving"}
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] in ours and getattr(module, "__file__", None):
        print(module.__file__)
"""


def test_a_bento_holds_every_module_that_its_service_imports(tmp_path):
    told = yaml.safe_load((ROOT / "bentofile.yaml").read_text())
    for pattern in told["include"]:
        found = [path for path in ROOT.glob(pattern) if path.is_file()]
        assert found, f"{pattern} is nowhere"
        for path in found:
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    done = subprocess.run(
        [sys.executable, "-c", SAYS, *NEEDED],
        env={"PYTHONPATH": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = done.stdout.split()
    assert any("/marketing/" in file for file in files)
    assert [file for file in files if not file.startswith(str(tmp_path))] == []
