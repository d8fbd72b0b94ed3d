"""A real Kafka for tests and benches: fetched by Maven once, started on loopback in seconds.

One node, broker and controller in one (KRaft), on free ports, its data in the folder that is given.
A test can stop it, kill it and start it again with the same data at the same address; it ends with
its context. Needs Java 17 or later, and Maven the first time. Knows no topic and no client.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from finmodel.errors import NotReady

POM = Path(__file__).parent / "kafka_broker" / "pom.xml"
CACHE = Path(__file__).parent.parent / ".kafka"
START_S = 60.0
STOP_S = 30.0
ADMIN = "admin"
"""Where there are users, the one who may do everything; the broker itself is this one."""

_BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""A third less of a core until it answers, and a slower broker from then on: for tests."""
_ASK = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""An ApiVersions request, which is answered before anybody has said who they are."""


def fetch(folder: Path = CACHE) -> Path:
    """The folder of Kafka's jars, fetched if they are not there; NotReady where Maven fails."""
    jars = folder / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    if jars.is_dir():
        return jars
    maven = _program("mvn", "Maven", "maven")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        command = [maven, "-q", "-B", "-C", "-f", str(POM), "dependency:copy-dependencies"]
        where = [f"-DoutputDirectory={aside}/jars", "-DincludeScope=runtime"]
        done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotReady(
                f"Maven could not fetch Kafka: {_gist(done.stdout + done.stderr)}",
                where=str(POM),
                remedy="mend its connection or its settings.xml",
            )
        with suppress(OSError):  # another run was first
            os.replace(f"{aside}/jars", jars)
    return jars


class Broker:
    """A Kafka process that comes and goes with its data and its address."""

    def __init__(self, folder: Path, users: Mapping[str, str], *, brief: bool = False) -> None:
        self._port, controller = _free_ports()
        self.address = f"127.0.0.1:{self._port}"
        self.log = folder / "broker.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        classes = f"{fetch()}{os.sep}*"
        memory = ("-Xms128m", "-Xmx512m", "-Djava.net.preferIPv4Stack=true", "-Dlog4j2.level=WARN")
        java = _program("java", "Java", "openjdk-17-jre-headless")
        self._java = [java, *memory, *(_BRIEF if brief else ()), "-cp", classes]
        self._properties = folder / "server.properties"
        folder.mkdir(parents=True, exist_ok=True)
        told = properties(folder / "data", self._port, controller, users)
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in told.items()))

    def start(self) -> None:
        """Start it, and return when it answers; NotReady with its last words if it ends instead."""
        if self._process is not None:
            return
        if not (self._folder / "data" / "meta.properties").exists():
            self._format()
        with self.log.open("ab") as log:
            before = log.tell()
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._properties)],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt of the test is not the broker's
            )
        deadline = time.monotonic() + START_S
        while not _answers(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotReady(
                    f"Kafka did not start: {_gist(self.log.read_bytes()[before:].decode())}",
                    where=str(self.log),
                    remedy="read it to its end; Java must be 17 or later",
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """End it as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _format(self) -> None:
        cluster = (
            "K" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        )  # `-` would be an option
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties)]
        done = subprocess.run([*self._java, *tool], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotReady(
                f"Kafka could not format its folder: {_gist(done.stdout + done.stderr)}",
                where=str(self._folder),
                remedy="give it an empty one; Java must be 17 or later",
            )


@contextmanager
def running(
    folder: Path, *, users: Mapping[str, str] | None = None, brief: bool = False
) -> Iterator[Broker]:
    """A broker that answers, ended with the context.

    With `users` (name to password, `admin` among them), clients come in by SASL/PLAIN alone, and
    may do what no access rule denies. A `brief` one is there sooner, and slower: for tests.
    """
    broker = Broker(folder, users or {}, brief=brief)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def properties(
    data: Path, port: int, controller: int, users: Mapping[str, str]
) -> dict[str, str | int]:
    """What `server.properties` says.

    >>> properties(Path("d"), 9092, 9093, {})["listeners"]
    'CLIENT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093'
    """
    told: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENT",
        "listeners": f"CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        # Back from a kill at once: the controller waits for the broker's old session to end.
        "broker.session.timeout.ms": 1500,
        "broker.heartbeat.interval.ms": 250,
        # So that a test need not wait long for who was killed.
        "group.min.session.timeout.ms": 1000,
        "num.network.threads": 2,
        "num.io.threads": 2,
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        told |= {f"{topic}.num.partitions": 1, f"{topic}.replication.factor": 1}
    told |= {"transaction.state.log.min.isr": 1, "share.coordinator.state.topic.min.isr": 1}
    if users:
        told |= _sasl(users)
    return told


def _sasl(users: Mapping[str, str]) -> dict[str, str | int]:
    known = " ".join(f'user_{name}="{password}"' for name, password in users.items())
    login = f'username="{ADMIN}" password="{users[ADMIN]}" {known};'
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    return {
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": f"{module} {login}",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:ANONYMOUS",  # anonymous is the node to its controller
        "allow.everyone.if.no.acl.found": "true",
    }


def _gist(output: str) -> str:
    """The line in which a Java program says why.

    >>> _gist("[INFO] Scanning\\n[ERROR] no route\\n[ERROR] Re-run with -X")
    '[ERROR] no route'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    thrown = [line for line in lines if "Exception: " in line]
    errors = [line for line in lines if "ERROR" in line]
    return (thrown or errors or lines[-1:] or ["it said nothing"])[0][:500]


def _program(name: str, what: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NotReady(
            f"{what} is missing",
            where=name,
            remedy=f"install it, for example: sudo apt-get install {package}",
        )
    return found


def _free_ports() -> tuple[int, int]:
    """Two that nobody listens on now."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _answers(port: int) -> bool:
    """Whether Kafka answers, and not only listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(_ASK)
            return bool(connection.recv(4))
    except OSError:
        return False
