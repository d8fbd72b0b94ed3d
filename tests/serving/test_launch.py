"""The launcher ends what it began, however it or the service comes to an end."""

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.serving.demo_shell import Shell, press_ctrl_c, processes_in
from tests.serving.small_world import answers, make_world, point_to, wait_until


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("launch") / "home")


@pytest.fixture
def shell(world) -> Shell:
    clock = {"FINMODEL_STANDING_CLOCK": world.settings.standing_clock}
    return Shell(world.settings.home, world.settings.port, clock)


def serving(shell: Shell) -> subprocess.Popen:
    child = shell.start("serve")
    assert child.stdout.readline() == f"serving on http://127.0.0.1:{shell.port}; Ctrl-C ends it\n"
    assert answers(f"http://127.0.0.1:{shell.port}/readyz")
    return child


def parent_of_workers(shell: Shell, launcher: int) -> int:
    """The process that `finmodel serve` itself started."""
    stats = {pid: Path(f"/proc/{pid}/stat").read_text() for pid in processes_in(shell.home)}
    (child,) = [p for p, s in stats.items() if s.rpartition(")")[2].split()[1] == str(launcher)]
    return child


def nothing_left(shell: Shell) -> bool:
    return processes_in(shell.home) == [] and not answers(f"http://127.0.0.1:{shell.port}/livez")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_launcher_that_is_ended_leaves_nothing(shell, sign):
    child = serving(shell)
    assert len(processes_in(shell.home)) >= 3
    os.kill(child.pid, sign)
    child.communicate(timeout=60)
    wait_until(lambda: nothing_left(shell), 20)


def test_a_service_that_is_killed_leaves_nothing_and_is_told(shell):
    child = serving(shell)
    os.kill(parent_of_workers(shell, child.pid), signal.SIGKILL)
    _out, said = child.communicate(timeout=60)
    assert child.returncode == 3
    assert "the service ended by itself" in said
    assert nothing_left(shell)


def test_without_a_model_it_waits_for_one_and_says_so(tmp_path):
    world = make_world(tmp_path / "home")
    (world.settings.exports / "behaviour_risk" / "champion.json").unlink()
    shell = Shell(world.settings.home, world.settings.port)
    child = shell.start("serve")
    child.stdout.readline()
    assert child.stderr.readline().startswith("no model is in service yet: no version is champion")
    ready = httpx.get(f"http://127.0.0.1:{shell.port}/readyz")
    assert ready.status_code == 503
    assert "finmodel promote behaviour_risk" in ready.text
    point_to(world.settings, 1)
    wait_until(lambda: answers(f"http://127.0.0.1:{shell.port}/readyz"), 20)
    press_ctrl_c(child)
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert nothing_left(shell)
