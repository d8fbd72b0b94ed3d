"""A real Redis for tests and benches: on loopback, in memory alone, ended with its context.

A test can kill it and start it again at the same address, where it then holds nothing. It can be a
cluster of one node, which answers as a cluster does. Knows no key and no client.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finmodel.errors import NotReady

START_S = 20.0


class RedisServer:
    """A redis-server process that comes and goes at its address."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise NotReady(
                "Redis is missing",
                where="redis-server",
                remedy="install it, for example: sudo apt-get install redis-server",
            )
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = folder / "redis.log"
        folder.mkdir(parents=True, exist_ok=True)
        told = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(folder),
            "save": "",
            "appendonly": "no",
            "loglevel": "warning",
        }
        flat = [word for name, value in told.items() for word in (f"--{name}", value)]
        self._command = [program, *flat, *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers; NotReady with its last words if it ends instead."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt of the test is not the server's
            )
        deadline = time.monotonic() + START_S
        while self.say("PING") is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotReady(
                    "Redis did not start", where=str(self.log), remedy="read it to its end"
                )
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            process, self._process = self._process, None
            process.send_signal(signal.SIGKILL)
            process.wait()

    def say(self, words: str) -> bytes | None:
        """What it answers to an inline command; None if it does not."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(words.encode() + b"\r\n")
                return connection.recv(65_536) or None
        except OSError:
            return None


@contextmanager
def running(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A server that answers, ended with the context."""
    server = RedisServer(folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def cluster(folder: Path) -> Iterator[RedisServer]:
    """A cluster of one node, which has every slot and refuses what touches two of them."""
    with running(folder, "--cluster-enabled", "yes") as server:
        server.say("CLUSTER ADDSLOTSRANGE 0 16383")
        deadline = time.monotonic() + START_S
        while b"cluster_state:ok" not in (server.say("CLUSTER INFO") or b""):
            if time.monotonic() > deadline:
                raise NotReady("the cluster is not whole", where=server.address, remedy="try again")
            time.sleep(0.02)
        yield server


def _free_port() -> int:
    """One that nobody listens on now, and whose cluster port, 10,000 above, there is."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < 55_000:
            return port
