"""The assistant's service over HTTP as agents meet it: how long until a suggestion stands.

A home, a writer's name and held-out turns come in; milliseconds go out. The service is the one that
`finmodel assist serve` starts, in a process of its own; agents are threads with a connection each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
from _assist_judge import Turn
from _report import ROOT, note

from finmodel.assistant.suggesting.asking import open_words
from finmodel.conversations import Message
from finmodel.settings import Settings
from serving.access import People
from serving.launch import require_free_port

FINMODEL = str(Path(sys.executable).with_name("finmodel"))
PORT = 3977
OPEN_SECONDS = 180
_LATEST_S = 120
NOW = datetime.fromisoformat("2027-06-01T10:00:00+08:00")
"""When the service's clock stands."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and an agent's key."""

    address: str
    key: str

    def agent(self) -> httpx.Client:
        """An agent's connection."""
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)


@contextmanager
def serving(home: Path, bases: Path, writer: str = "") -> Iterator[Service]:
    """The service over a home of its own, once its writer is there."""
    here = Settings.from_env({"FINMODEL_HOME": str(home), "FINMODEL_PORT": str(PORT)})
    require_free_port(here)
    here.make_home()
    if writer and not here.bases.exists():
        here.bases.symlink_to(bases)
    key = People(here.people).add("agent", ("agent",))
    words = {
        "FINMODEL_HOME": str(home),
        "FINMODEL_PORT": str(PORT),
        "FINMODEL_WRITER": writer,
        "FINMODEL_STANDING_CLOCK": NOW.isoformat(),
    }
    child = subprocess.Popen(
        [FINMODEL, "assist", "serve"],
        env=os.environ | words,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        service = Service(f"http://127.0.0.1:{PORT}", key)
        _wait(service, child, bool(writer))
        yield service
    finally:
        child.terminate()
        child.wait(60)


def _wait(service: Service, child: subprocess.Popen[bytes], writes: bool) -> None:
    until = time.monotonic() + OPEN_SECONDS
    while time.monotonic() < until:
        if child.poll() is not None:
            raise SystemExit(f"finmodel assist serve ended by itself ({child.returncode})")
        try:
            told = httpx.get(f"{service.address}/status", timeout=5).json()
        except (httpx.TransportError, ValueError):
            time.sleep(0.1)
            continue
        if told.get("engine") or (not writes and told.get("ready")):
            return
        time.sleep(0.2)
    raise SystemExit("finmodel assist serve did not open its writer")


def bring(
    agent: httpx.Client, turn: Turn, name: str, messages: Sequence[Message] | None = None
) -> None:
    """A held-out conversation up to a customer's question, as a vendor's desktop sends it.

    It is moved to the service's today, to the minute before.
    """
    asking = turn.asking
    later = NOW - asking.messages[-1].at
    said = asking.messages if messages is None else messages
    moved = [msgspec.structs.replace(one, at=one.at + later) for one in said]
    given = {
        "customer": f"{name} {asking.conversation}",
        "channel": "app",
        "scenario": "repayment",
        "account": asking.account,
        "facts": asking.facts.plain(),
        "messages": msgspec.to_builtins(moved),
    }
    agent.post(f"/conversations/{name}/messages", json=given).raise_for_status()


def script_ms(service: Service, turns: Sequence[Turn]) -> list[float]:
    """Milliseconds until scripts stand on an agent's side, one question after the other."""
    with service.agent() as agent:
        for number, turn in enumerate(turns):
            bring(agent, turn, f"s{number}")
        return [
            _timed(lambda name=f"s{number}": _whole(agent, name)) for number in range(len(turns))
        ]


@dataclass(frozen=True, slots=True)
class Waited:
    """What an agent waited for a generated reply, in milliseconds, and what was read for it."""

    token: float
    """To the engine's first token."""
    sentence: float | None
    """To the first sentence that may be sent; None where the reply was given up before."""
    tokens: int
    """Of the prompt."""
    kept: int
    """Of them, read before."""


def under_way(service: Service, turns: Sequence[Turn], agents: int, pause: float) -> list[Waited]:
    """Replies in conversations under way, so many agents at once.

    Each conversation stands up to the agent's last words; so many seconds later the customers of
    all agents write in the same moment, and each agent asks as soon as it is there.
    """
    found: list[Waited] = []
    shares = [turns[one::agents] for one in range(agents)]
    wait = partial(_next, threading.Barrier(agents), pause)
    threads = [
        threading.Thread(target=_ask_all, args=(service, share, f"a{agents}-{number}", found, wait))
        for number, share in enumerate(shares)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    note(f"{len(found)} of {len(turns)} generated, {agents} agents")
    return found


def _next(together: threading.Barrier, pause: float) -> None:
    """Wait so long, then until every agent has."""
    time.sleep(pause)
    together.wait(_LATEST_S)


def _ask_all(
    service: Service,
    turns: Sequence[Turn],
    name: str,
    found: list[Waited],
    wait: Callable[[], None],
) -> None:
    with service.agent() as agent:
        for number, turn in enumerate(turns):
            whole = turn.asking.messages
            so_far = whole[: len(whole) - len(open_words(whole))]
            bring(agent, turn, f"{name}-{number}", so_far)
            wait()
            bring(agent, turn, f"{name}-{number}", whole)
            waited = _waited(agent, f"{name}-{number}")
            if waited is not None:
                found.append(waited)


def _waited(agent: httpx.Client, name: str) -> Waited | None:
    """None where nothing was generated."""
    asked = {"conversation": name, "tone": "brief"}
    begun, at, told = time.perf_counter(), {}, {}
    with agent.stream(
        "POST", "/suggest", json=asked, headers={"accept": "text/event-stream"}
    ) as answer:
        event = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
                at.setdefault(event, (time.perf_counter() - begun) * 1e3)
            elif event == "writing" and line.startswith("data: "):
                told = msgspec.json.decode(line.removeprefix("data: "))
    if "writing" not in at:
        return None
    return Waited(at["writing"], at.get("sentence"), told["prompt_tokens"], told["kept_tokens"])


def _whole(agent: httpx.Client, name: str) -> Any:
    return agent.post("/suggest", json={"conversation": name}).raise_for_status().json()


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3
