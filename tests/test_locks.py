"""The locks: hashes for all, addresses for none, one version of a package in all of them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "locks").glob("*.txt"))


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,-]+\])?==([^ ;]+)", lock.read_text(), re.M))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_package_has_a_hash_and_none_an_address(lock):
    text = lock.read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(entries) == len(pins(lock)) > 0
    assert [entry[:40] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_the_locks_agree():
    run, dev, tune = (pins(ROOT / "locks" / f"{name}.txt") for name in ("run", "dev", "tune"))
    assert len(run) > 100
    assert {name: dev.get(name) for name in run} == run
    shared = run.keys() & tune.keys()
    assert len(shared) > 100
    assert {name: tune[name] for name in shared} == {name: run[name] for name in shared}


def test_the_locks_hold_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run = pins(ROOT / "locks" / "run.txt")
    wanted = [Requirement(text) for text in project["dependencies"]]
    unmet = [
        str(one) for one in wanted if not one.specifier.contains(run.get(one.name.lower(), "0"))
    ]
    assert len(wanted) >= 15
    assert unmet == []
    assert [str(one) for one in wanted if not one.specifier] == []  # each has its floor
