"""A shell in a demo lender's home: commands as a person types them, and the demo left running."""

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.serving import warm_shell
from tests.serving.small_world import ROOT, free_port

FINMODEL = Path(sys.executable).with_name("finmodel")


@dataclass(frozen=True)
class Answer:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Commands that see one home."""

    home: Path
    port: int = field(default_factory=free_port)
    more: dict[str, str] = field(default_factory=dict)
    """Settings beside home and port."""

    def environment(self, key: str = "") -> dict[str, str]:
        ours = {"FINMODEL_HOME": str(self.home), "FINMODEL_PORT": str(self.port)}
        ours["FINMODEL_FETCH_BASE"] = "0"  # no test brings a gigabyte
        # MLflow leaves the address that another test gave it in this process's environment.
        theirs = {name: value for name, value in os.environ.items() if name[:7] != "MLFLOW_"}
        return theirs | ours | self.more | ({"FINMODEL_KEY": key} if key else {})

    def finmodel(self, *words: str, key: str = "") -> Answer:
        """Run `finmodel …` to its end."""
        return Answer(*warm_shell.run(words, self.environment(key), ROOT))

    def on_a_terminal(self, *words: str, columns: int) -> Answer:
        """Run `finmodel …` where a person sees it: what a terminal so wide was told."""
        theirs, ours = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {
            name: value
            for name, value in self.environment().items()
            if name not in ("COLUMNS", "NO_COLOR")
        }
        child = subprocess.Popen(
            [FINMODEL, *words],
            env=environment | {"TERM": "xterm"},
            cwd=ROOT,
            stdin=ours,
            stdout=ours,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours)
        told = b""
        with suppress(OSError):  # the terminal's end, once nobody writes to it
            while piece := os.read(theirs, 65_536):
                told += piece
        os.close(theirs)
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.decode())
        return Answer(child.wait(240), plain, "")

    def start(self, *words: str, key: str = "") -> subprocess.Popen[str]:
        """Start `finmodel …` as a terminal's foreground group, so that Ctrl-C can reach it."""
        return subprocess.Popen(
            [FINMODEL, *words],
            env=self.environment(key),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A job in the background of a shell hears no Ctrl-C, and neither would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


@dataclass
class Demo:
    """The demo lender, serving."""

    shell: Shell
    child: subprocess.Popen[str]
    told: list[str]

    @property
    def curl(self) -> list[str]:
        return shlex.split(next(line for line in self.told if line.startswith("curl ")))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.shell.port}"

    def key(self, word: str) -> str:
        """The key on the line that begins with this word."""
        return next(line.split()[1] for line in self.told if line.strip().startswith(word))


def start_demo(shell: Shell) -> Demo:
    """Start `finmodel demo`, and read what it says until it serves."""
    child, told = shell.start("demo"), []
    assert child.stdout is not None
    for line in child.stdout:
        told.append(line.rstrip("\n"))
        if line.startswith("Ctrl-C"):
            return Demo(shell, child, told)
    raise AssertionError(f"the demo ended with {child.wait()}: {child.stderr.read()}")


def press_ctrl_c(child: subprocess.Popen[str]) -> None:
    """What a terminal does: SIGINT to the whole foreground group."""
    os.killpg(child.pid, signal.SIGINT)


def processes_in(home: Path) -> list[int]:
    """Processes whose environment names this home: all that the demo there has started."""
    wanted = f"FINMODEL_HOME={home}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:  # it has ended meanwhile
            continue
    return found
