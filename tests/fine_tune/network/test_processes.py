"""Two real processes learn what one learns, each holding half of the base's layers."""

import os
import subprocess
import sys

import pytest

from fine_tune.network import processes
from finmodel.errors import BadInput
from tests.fine_tune.joined_run import run


def launched(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
         "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0",
         "-m", "tests.fine_tune.joined_run", str(folder), *words],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout.split(), done.stderr


def test_two_processes_learn_what_one_learns_and_go_on_after_a_crash(tmp_path):
    alone, _ = run(tmp_path / "one")
    code, _, err = launched(tmp_path / "two", "3")
    assert code, err
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["step-00000003"]
    code, told, err = launched(tmp_path / "two")
    assert code == 0, err
    held, *losses = told
    assert float(held) == 0.5
    found = [float.fromhex(one) for one in losses]
    assert found == pytest.approx(alone.losses, rel=1e-12)
    assert found[-1] < found[0]


def test_packs_that_two_cannot_share_are_refused(monkeypatch):
    processes.require_packs(3)
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(
        BadInput, match="3 packs a step are not shared out evenly among 2 processes"
    ):
        processes.require_packs(3)
