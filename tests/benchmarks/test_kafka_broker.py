"""The broker of tests and benches: what it says where something is missing, and that it ends."""

import socket
import subprocess
from contextlib import suppress

import pytest

from benchmarks import _kafka_broker
from benchmarks._kafka_broker import CACHE, Broker, fetch, running
from finmodel.errors import NotReady


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(_kafka_broker.shutil, "which", lambda _name: None)
    with pytest.raises(NotReady, match=r"mvn: Maven is missing; install it.* maven$"):
        fetch(tmp_path)
    monkeypatch.setattr(_kafka_broker, "fetch", lambda: tmp_path)
    with pytest.raises(NotReady, match=r"java: Java is missing; install it.* openjdk-17"):
        Broker(tmp_path, {})


def test_a_fetch_that_fails_leaves_nothing(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "[ERROR] no route")
    monkeypatch.setattr(_kafka_broker.subprocess, "run", lambda *_args, **_options: failed)
    monkeypatch.setattr(_kafka_broker, "_program", lambda *_names: "mvn")
    with pytest.raises(NotReady, match=r"could not fetch Kafka: \[ERROR\] no route; mend"):
        fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.servers
def test_it_is_fetched_once_and_ends_with_its_context(tmp_path):
    assert fetch() == fetch()
    assert fetch().parent == CACHE
    with suppress(ZeroDivisionError), running(tmp_path) as broker:
        host, _, port = broker.address.partition(":")
        socket.create_connection((host, int(port))).close()
        raise ZeroDivisionError
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    (tmp_path / "server.properties").write_text("process.roles=broker\n")
    with pytest.raises(NotReady, match=r"did not start: .*Missing required.*read it to its end"):
        broker.start()
