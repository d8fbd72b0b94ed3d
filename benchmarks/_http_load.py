"""Load on one HTTP address, from a process of its own, and what it waited.

Open loop: requests leave at their scheduled times whether or not earlier ones were answered, and
each latency counts from the scheduled time, so that a stall is seen by everybody behind it. Closed
loop: a fixed number of callers ask again as soon as they are answered. It knows no model and no
record: an address, headers and bodies in, counts and milliseconds out.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import aiohttp
import msgspec
import numpy as np


class Load(msgspec.Struct, frozen=True):
    """What to send, how fast and how long."""

    url: str
    headers: dict[str, str]
    bodies: list[str]
    """JSON bodies, sent in turn."""
    seconds: float
    rate: float = 0.0
    """Requests a second in an open loop; 0 for a closed loop."""
    callers: int = 4
    """How many ask at the same time in a closed loop."""
    warm_up: float = 2.0
    """Seconds at the start that are sent and not counted."""


class Waited(msgspec.Struct, frozen=True):
    """How many were answered, with which status, and the milliseconds that they waited."""

    requests: int
    statuses: dict[str, int]
    failed: int
    """Requests that got no answer at all."""
    seconds: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


def run(load: Load) -> Waited:
    """Put `load` on its address from a new process, and report what it waited.

    A process of its own, so that the caller's work and the generator do not delay each other.
    """
    done = subprocess.run(
        [sys.executable, __file__],
        input=msgspec.msgpack.encode(load),
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.msgpack.decode(done.stdout, type=Waited)


class _Tally:
    """Answers as they come in: (when it was due, how long it took, status or 0)."""

    def __init__(self, session: aiohttp.ClientSession, load: Load) -> None:
        self.session, self.load = session, load
        self.bodies: Iterator[bytes] = itertools.cycle(body.encode() for body in load.bodies)
        self.rows: list[tuple[float, float, int]] = []

    async def ask(self, due: float) -> None:
        """One request; its wait counts from `due`."""
        try:
            async with self.session.post(self.load.url, data=next(self.bodies)) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.rows.append((due, time.perf_counter() - due, status))


async def _open_loop(tally: _Tally, start: float) -> None:
    load, tasks = tally.load, []
    for number in range(int(load.rate * (load.seconds + load.warm_up))):
        due = start + number / load.rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        tasks.append(asyncio.create_task(tally.ask(due)))
    await asyncio.gather(*tasks)


async def _closed_loop(tally: _Tally, start: float) -> None:
    end = start + tally.load.seconds + tally.load.warm_up

    async def caller() -> None:
        while (now := time.perf_counter()) < end:
            await tally.ask(now)

    await asyncio.gather(*(caller() for _ in range(tally.load.callers)))


async def _measure(load: Load) -> Waited:
    headers = {"content-type": "application/json", **load.headers}
    async with aiohttp.ClientSession(
        headers=headers,
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=60),
    ) as session:
        tally = _Tally(session, load)
        start = time.perf_counter()
        await (_open_loop if load.rate else _closed_loop)(tally, start)
    counted = [row for row in tally.rows if row[0] >= start + load.warm_up]
    return _waited(counted, load.seconds)


def _waited(rows: Sequence[tuple[float, float, int]], seconds: float) -> Waited:
    statuses: dict[str, int] = {}
    for _, _, status in rows:
        statuses[str(status)] = statuses.get(str(status), 0) + 1
    answered = np.array([wait for _, wait, status in rows if status]) * 1000
    if not len(answered):
        answered = np.array([np.nan])
    p50, p90, p99, p999 = np.percentile(answered, [50, 90, 99, 99.9])
    return Waited(
        requests=sum(1 for row in rows if row[2]),
        statuses=statuses,
        failed=statuses.get("0", 0),
        seconds=seconds,
        mean_ms=float(answered.mean()),
        p50_ms=float(p50),
        p90_ms=float(p90),
        p99_ms=float(p99),
        p999_ms=float(p999),
        max_ms=float(answered.max()),
    )


if __name__ == "__main__":
    import uvloop

    report = uvloop.run(_measure(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Load)))
    sys.stdout.buffer.write(msgspec.msgpack.encode(report))
