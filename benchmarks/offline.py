"""From wheels to a decision on a machine without a network: `finmodel bench offline --json`.

`make wheelhouse` writes what the lock of `make run` names (`--wheels DIR` takes a folder of it that
is there). A clone is then set up in a network namespace of its own, in which nothing but loopback
exists and an address outside is tried in vain, with no cache of an installer at hand; its `curl` is
pasted as a person does. Counted is `first_decision_s`, from `make run WHEELS=DIR` to the answer.
Needs Linux with user namespaces, or root; `unshare` and `curl`.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import os
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _report import ROOT, note, print_report

LATEST_S = 900.0
OUTSIDE = ("192.0.2.1", 443)
"""An address of RFC 5737, which a machine with a route would try to reach."""
_SET_FLAGS, _UP = 0x8914, 0x1
"""SIOCSIFFLAGS, IFF_UP: see netdevice(7)."""


def wheels_in(folder: Path) -> None:
    """Have the project write its wheels there."""
    note(f"make wheelhouse LOCK=run WHEELS={folder}")
    words = ["make", "wheelhouse", "LOCK=run", f"WHEELS={folder}"]
    subprocess.run(words, cwd=ROOT, stdout=sys.stderr, check=True)


def measure(wheels: Path) -> dict[str, Any]:
    """Seconds from the command to the first decision, in a namespace without a network."""
    with tempfile.TemporaryDirectory() as aside:
        clone = Path(aside) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        inside = ["unshare", "--map-root-user", "--net", sys.executable, __file__, "--inside"]
        told = subprocess.run(
            [*inside, str(clone), "--wheels", str(wheels)],
            stdout=subprocess.PIPE,
            env=_bare(Path(aside)),
            check=True,
        )
    found: dict[str, Any] = json.loads(told.stdout)
    files = list(wheels.glob("*.whl"))
    size = sum(one.stat().st_size for one in files)
    return found | {"wheels": len(files), "wheels_mib": size / 2**20}


def _bare(aside: Path) -> dict[str, str]:
    """The environment of a machine on which nothing was installed before."""
    mine = ("PIP_", "UV_", "FINMODEL_", "PYTHONPATH", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return kept | {"UV_CACHE_DIR": str(aside / "uv"), "PIP_CACHE_DIR": str(aside / "pip")}


def first_decision(clone: Path, wheels: Path) -> dict[str, Any]:
    """What a person does who stands before that machine; run inside the namespace."""
    _loopback()
    _require_no_route()
    begun = time.perf_counter()
    words = ["make", "run", f"WHEELS={wheels}", "UV=.uv/bin/uv"]
    with subprocess.Popen(
        words, cwd=clone, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        try:
            shown, said = _curl(child, begun)
            answer = json.loads(subprocess.run(shown, stdout=subprocess.PIPE, check=True).stdout)
            took = time.perf_counter() - begun
        finally:
            os.killpg(child.pid, signal.SIGTERM)
    return {"first_decision_s": took, "installed_s": said, "decision": answer["decision"]}


def _curl(child: subprocess.Popen[str], begun: float) -> tuple[list[str], float | None]:
    """The command that `make run` shows, once it serves; and when it was installed."""
    installed = None
    assert child.stdout is not None
    for line in child.stdout:
        note(line.rstrip())
        if "installing" not in line and installed is None:
            installed = time.perf_counter() - begun
        if line.startswith("curl "):
            return shlex.split(line), installed
        if time.perf_counter() - begun > LATEST_S:
            break
    raise SystemExit("make run ended, or said no curl in time")


def _loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def _require_no_route() -> None:
    with socket.socket() as one:
        one.settimeout(5)
        if one.connect_ex(OUTSIDE) != errno.ENETUNREACH:
            raise SystemExit("there is a route: this would measure nothing")


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--wheels", type=Path, help="what make wheelhouse wrote")
    words.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    told = words.parse_args()
    if told.inside:
        json.dump(first_decision(told.inside, told.wheels), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as aside:
        wheels = told.wheels.resolve() if told.wheels else Path(aside)
        if not told.wheels:
            wheels_in(wheels)
        print_report("offline", measure(wheels))


if __name__ == "__main__":
    main()
