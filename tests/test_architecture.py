"""The shape of the tree: what may import what, how big a file may be, and that tests mirror it.

Each test says how much it looked at, so that an empty loop cannot pass.
"""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ["finmodel", "feature_store", "fine_tune", "risk", "marketing", "serving"]
MAX_LINES = 400


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_the_six_packages_are_the_same_everywhere():
    on_disk = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    assert on_disk == sorted(PACKAGES)
    assert PYPROJECT["tool"]["importlinter"]["root_packages"] == PACKAGES
    assert PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == PACKAGES


def test_import_contracts_are_kept():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    assert f"Contracts: {len(contracts)} kept, 0 broken" in done.stdout


def test_modules_named_by_a_contract_exist():
    named = {
        module
        for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
        for module in contract.get("source_modules", [])
    }
    gone = [
        name
        for name in named
        if not (ROOT / (path := name.replace(".", "/"))).is_dir()
        and not (ROOT / f"{path}.py").is_file()
    ]
    assert len(named) >= 10
    assert gone == []


def test_files_have_one_idea_and_say_it():
    seen = modules()
    too_long = {str(p): n for p in seen if (n := len(p.read_text().splitlines())) > MAX_LINES}
    silent = [str(path) for path in seen if not ast.get_docstring(ast.parse(path.read_text()))]
    assert len(seen) >= 40
    assert too_long == {}
    assert silent == []


def test_package_inits_hold_only_a_docstring():
    inits = [path for path in modules() if path.name == "__init__.py"]
    full = [str(path) for path in inits if len(ast.parse(path.read_text()).body) != 1]
    assert len(inits) >= len(PACKAGES)
    assert full == []


def test_tests_mirror_the_tree():
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    strays = []
    for test in tests:
        place = test.relative_to(ROOT / "tests")
        if len(place.parts) == 1:  # tests of the whole: shape, words, locks
            continue
        folder, name = ROOT / place.parent, place.name.removeprefix("test_")
        # a bench's own parts begin with `_`; pytest passes over every folder feature_store/repo
        places = folder / name, folder / f"_{name}", folder / "repo" / name
        if not any(place.is_file() for place in places):
            strays.append(str(place))
    assert len(tests) >= 25
    assert strays == []


def test_only_settings_reads_the_environment():
    readers = [
        str(path.relative_to(ROOT))
        for path in modules()
        # MLflow's own switches are set (mlflow_server.py) before its import; that reads nothing.
        if re.search(r"os\.getenv|os\.environ(?!\.setdefault|\[[^]]+\] = )", path.read_text())
    ]
    assert readers == ["finmodel/settings.py"]


def test_nothing_unpickles():
    words = ("import pickle", "import dill", "import cloudpickle", "joblib.load", "torch.load")
    seen = modules()
    guilty = [str(path) for path in seen if any(word in path.read_text() for word in words)]
    assert guilty == []
