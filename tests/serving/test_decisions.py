"""The service as a process: what it loads, how it starts and ends, what it follows meanwhile."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import pytest

from finmodel.audit import scan, verify
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from serving.access import People
from tests.serving.small_world import (
    APPLICATION,
    CLOCK,
    NAME,
    ROOT,
    UNKNOWN,
    answers,
    export,
    free_port,
    point_to,
    running,
    wait_until,
    write_features,
)

pytestmark = pytest.mark.servers


def decide(client, world, customer=42):
    return client.post(
        "/decide",
        json=APPLICATION | {"customer_id": customer},
        headers=world.headers("underwriter"),
    )


def probability(world, version, customer):
    row = world.features[customer - 1 : customer]
    raw = world.boosters[version].predict(row, raw_score=True)[0]
    return 1 / (1 + np.exp(-(0.05 + 1.1 * raw)))


ANSWER_ONCE = """
import asyncio, sys, time
from finmodel.records import Person
from serving import bulk, decisions, flows
from serving.schemas import Application

decisions.Decisions.to_asgi().build_middleware_stack()
service = decisions.Decisions.inner()
desk = service.desk
while desk.live.serving is None:
    time.sleep(0.05)
application = Application(
    application_id="A-1", customer_id=42, amount_minor=1, term_months=1, product="p", channel="c"
)

async def answer():
    person = Person("Li", frozenset({"underwriter"}))
    await flows.decide(application, person, desk)
    scored = await bulk.score(list(range(1, 101)), person, desk)
    bulk.as_json(scored)

asyncio.run(answer())
service.close()
print(desk.live.current().scorer.engine, *sorted(set(sys.argv[1:]) & set(sys.modules)))
"""


def test_a_serving_process_loads_no_trainer_and_no_feature_framework(world):
    heavy = ["mlflow", "lightgbm", "pandas", "feast", "duckdb", "sklearn", "torch"]
    done = subprocess.run(
        [sys.executable, "-c", ANSWER_ONCE, *heavy, "pyarrow"],
        cwd=ROOT,
        env=world.settings.child_env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["bitvector"], done.stderr


def test_a_body_of_100_mb_is_cut_off_while_it_comes(service, world):
    """The caller streams without an end; the service answers 413 and hangs up after a little."""
    address = urlsplit(service)
    chunk = b"10000\r\n" + b"1" * 0x10000 + b"\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as caller:
        caller.sendall(
            b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: " + world.headers("analyst")["authorization"].encode() + b"\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        sent, cut = 0, False
        try:
            while sent < 100_000_000:
                caller.sendall(chunk)
                sent += len(chunk)
        except OSError:
            cut = True
    assert cut
    assert sent < 20_000_000


def test_a_body_that_says_it_is_too_large_is_not_awaited(client, world):
    headers = world.headers("analyst") | {"content-type": "application/json"}
    answer = client.post("/score", content=b"x" * 1_000_001, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "TooLarge")
    assert answer.headers["connection"] == "close"


async def ask_steadily(service, world, until):
    """A decision every 20 ms, answered or not: when it was asked, the customer, the answer."""
    seen = []

    async def one(client, customer):
        asked = time.monotonic()
        answer = await client.post(
            "/decide",
            json=APPLICATION | {"customer_id": customer},
            headers=world.headers("underwriter"),
        )
        seen.append((asked, customer, answer))

    async with httpx.AsyncClient(base_url=service, timeout=30) as client:
        tasks = []
        while time.monotonic() < until:
            customer = 21 + len(tasks) % 300
            tasks.append(asyncio.create_task(one(client, customer)))
            await asyncio.sleep(0.02)
        await asyncio.gather(*tasks)
    return seen


def test_a_promotion_and_a_rollback_under_load_fail_no_request(service, client, world):
    async def story():
        begin = time.monotonic()
        moves = {}

        async def move():
            for wait, version in ((1.0, 2), (3.0, 1)):
                await asyncio.sleep(wait)
                moves[version] = time.monotonic()
                await asyncio.to_thread(point_to, world.settings, version)

        moving = asyncio.create_task(move())
        seen = await ask_steadily(service, world, begin + 8)
        await moving
        return seen, moves

    seen, moves = asyncio.run(story())
    assert len(seen) > 100
    assert {answer.status_code for _, _, answer in seen} == {200}
    versions = []
    for _, customer, answer in seen:
        told = answer.json()
        version = told["model"]["version"]
        versions.append(version)
        expected = probability(world, version, customer)
        assert told["probability_of_default"] == pytest.approx(expected, rel=1e-12)
    assert versions[0] == 1
    assert versions[-1] == 1
    first_of_2 = min(at for (at, _, _), version in zip(seen, versions, strict=True) if version == 2)
    last_of_2 = max(at for (at, _, _), version in zip(seen, versions, strict=True) if version == 2)
    assert first_of_2 - moves[2] < 5
    assert last_of_2 - moves[1] < 5


def test_a_broken_export_is_refused_loudly_and_the_old_is_served(service, client, world):
    export(world.settings, 7, world.boosters[2].model_to_string())
    model = world.settings.exports / NAME / "7" / "model.txt"
    model.write_bytes(model.read_bytes().replace(b"leaf_value=", b"leaf_value= ", 1))
    point_to(world.settings, 7)
    wait_until(lambda: client.get("/status").json()["trouble"], 20)
    answer = decide(client, world)
    assert (answer.status_code, answer.json()["model"]["version"]) == (200, 1)
    assert client.get("/readyz").status_code == 200
    counts = client.get("/metrics", headers=world.headers("engineer")).text
    assert 'finmodel_model_loads_total{result="refused"} 0.0' not in counts
    refused = list(scan(world.settings.audit, "export_refused"))[-1].body
    assert (refused["name"], refused["kept_version"]) == (NAME, 1)
    assert "a champion is refused" in (world.settings.home / "service.log").read_text()
    point_to(world.settings, 1)
    wait_until(lambda: not client.get("/status").json()["trouble"], 20)


def test_a_key_given_or_taken_counts_without_a_restart(client, world):
    people = People(world.settings.people)
    headers = {"authorization": f"Bearer {people.add('newcomer', {'underwriter'})}"}
    assert client.post("/echo", headers=headers).status_code == 200
    people.revoke("newcomer")
    assert client.post("/echo", headers=headers).status_code == 401


def test_the_log_of_the_process_holds_nothing_personal(client, world):
    decide(client, world, UNKNOWN)
    headers = world.headers("underwriter")
    client.post("/decide", json=APPLICATION | {"product": "王小明"}, headers=headers)
    client.get("/explain/customer-4211223344", headers=headers)
    client.get("/4211223344")
    log = (world.settings.home / "service.log").read_text()
    assert "/decide 404 NotFound" in log
    for personal in (str(UNKNOWN), "王小明", "4211223344", *world.keys.values()):
        assert personal not in log


@pytest.mark.slow
def test_it_starts_without_a_model_says_so_and_ends_all_it_began(world, tmp_path):
    settings = Settings(
        home=tmp_path, data=tmp_path, port=free_port(), standing_clock=CLOCK, online_map_gb=0.1
    )
    key = People(settings.people).add("Li", {"underwriter"})
    with running(settings) as address:
        service = next(
            process
            for process in psutil.process_iter()
            if process.ppid() == os.getpid() and str(settings.port) in process.cmdline()
        )
        family = [service, *service.children(recursive=True)]
        unready = httpx.get(f"{address}/readyz")
        assert unready.status_code == 503
        assert unready.json()["error"]["what"] == "no version is champion"
        answer = httpx.post(
            f"{address}/decide", json=APPLICATION, headers={"authorization": f"Bearer {key}"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "NotReady")
        assert httpx.get(address).status_code == 200
        write_features(settings, world.features)
        ensure_key(settings.signing)
        export(settings, 1, world.boosters[1].model_to_string())
        point_to(settings, 1)
        wait_until(lambda: answers(f"{address}/readyz"), 30)
        os.killpg(service.pid, signal.SIGINT)
        gone, alive = psutil.wait_procs(family, timeout=20)
        assert (len(gone), alive) == (len(family), [])
    assert verify(settings.audit).counts == {"model_in_service": 1}
    assert settings.people.stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_bento_is_built_from_the_committed_lock(tmp_path):
    environment = os.environ | {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True"}
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [bento] = (path.parent for path in tmp_path.glob("bentos/decisions/*/bento.yaml"))
    required = (bento / "env" / "python" / "requirements.txt").read_text()
    locked = (ROOT / "locks" / "run.txt").read_text()
    assert [line for line in locked.splitlines() if "==" in line and line not in required] == []
    assert required.count("--hash=") == locked.count("--hash=")
    assert (bento / "src" / "serving" / "console" / "index.html").is_file()
    assert not [path for path in bento.rglob("*") if path.suffix in {".key", ".pem", ".db"}]
