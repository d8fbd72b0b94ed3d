"""The border in front of a small application that does what each test needs, without a server."""

import asyncio
import json

import pytest

from serving.access import People
from serving.border import Border, Limits, Rule
from serving.telemetry import Telemetry

pytestmark = pytest.mark.anyio

RULES = [
    Rule("POST", "/work", frozenset({"underwriter"})),
    Rule("GET", "/task/{piece}", frozenset({"underwriter", "auditor"})),
    Rule("GET", "/page", weighs=False),
]


class World:
    """A border over an application, and the key of one underwriter."""

    def __init__(self, folder, limits=None):
        people = People(folder / "people.json")
        self.key = people.add("Li", {"underwriter"})
        self.other = people.add("Wang", {"agent"})
        self.people, self.telemetry = people, Telemetry()
        self.calls, self.hold = [], None
        self.border = Border(self.work, RULES, people, self.telemetry, limits or Limits())

    async def work(self, scope, _receive, send):
        self.calls.append(scope["finmodel.call"])
        if self.hold is not None:
            await self.hold()
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"done"})

    async def ask(self, method, path, chunks=(b"",), *, key=None, headers=()):
        """Status, headers, body and how many chunks were taken in."""
        given = [*headers]
        if key is not None:
            given.append((b"authorization", f"Bearer {key}".encode()))
        scope = {"type": "http", "method": method, "path": path, "headers": given}
        messages, taken = [], 0

        async def receive():
            nonlocal taken
            taken += 1
            more = taken < len(chunks)
            return {"type": "http.request", "body": chunks[taken - 1], "more_body": more}

        async def send(message):
            messages.append(message)

        await self.border(scope, receive, send)
        start, *bodies = messages
        return start["status"], dict(start["headers"]), b"".join(m["body"] for m in bodies), taken


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def refusal(body):
    told = json.loads(body)
    assert set(told) == {"error"}
    assert set(told["error"]) == {"code", "what", "where", "remedy"}
    return told["error"]


async def test_a_known_key_with_the_role_passes_with_its_body(world):
    status, _, body, _ = await world.ask("POST", "/work", [b"a", b"b"], key=world.key)
    assert (status, body) == (200, b"done")
    call = world.calls[0]
    assert (call.person.name, call.body) == ("Li", b"ab")


async def test_a_piece_of_the_path_is_handed_on(world):
    await world.ask("GET", "/task/a-1", key=world.key)
    assert world.calls[0].piece == "a-1"


async def test_everything_else_is_refused_in_one_form_before_the_application(world):
    for status, code, method, path, key in (
        (401, "NoKey", "POST", "/work", None),
        (401, "NoKey", "POST", "/work", "fm_wrong"),
        (401, "NoKey", "GET", "/page", "fm_wrong"),
        (403, "Refused", "POST", "/work", world.other),
        (404, "NotFound", "GET", "/", world.key),
        (404, "NotFound", "GET", "/task/a/b", world.key),
        (405, "WrongMethod", "GET", "/work", world.key),
        (405, "WrongMethod", "TRACE", "/page", None),
    ):
        answer = await world.ask(method, path, key=key)
        assert (answer[0], refusal(answer[2])["code"]) == (status, code), (method, path)
    assert world.calls == []


async def test_only_one_bearer_key_counts(world):
    for headers in (
        [(b"authorization", b"Basic " + world.key.encode())],
        [(b"authorization", f"Bearer {world.key}".encode())] * 2,
        [(b"authorization", b"Bearer \xff\xfe")],
        [(b"authorization", b"")],
    ):
        status, answered, _, _ = await world.ask("POST", "/work", headers=headers)
        assert status == 401
        assert answered[b"www-authenticate"].startswith(b"Bearer")


async def test_every_answer_carries_the_security_headers(world):
    for method, path, key in (("GET", "/page", None), ("POST", "/work", None), ("GET", "/", None)):
        _, headers, _, _ = await world.ask(method, path, key=key)
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"cache-control"] == b"no-store"
        policy = headers[b"content-security-policy"]
        assert b"default-src 'none'" in policy
        assert b"unsafe" not in policy


async def test_a_body_beyond_the_limit_is_not_read_further(tmp_path):
    world = World(tmp_path, Limits(body_bytes=100))
    status, headers, body, taken = await world.ask(
        "POST", "/work", [b"x" * 40] * 1000, key=world.key
    )
    assert (status, refusal(body)["code"], taken) == (413, "TooLarge", 3)
    assert headers[b"connection"] == b"close"
    declared = [(b"content-length", b"101")]
    status, _, _, taken = await world.ask("POST", "/work", key=world.key, headers=declared)
    assert (status, taken) == (413, 0)
    assert (await world.ask("POST", "/work", [b"x" * 100], key=world.key))[0] == 200


async def test_one_too_many_at_once_is_told_to_come_back(tmp_path):
    world = World(tmp_path, Limits(concurrent=2))
    gate = asyncio.Event()
    world.hold = gate.wait
    inside = [asyncio.create_task(world.ask("POST", "/work", key=world.key)) for _ in range(2)]
    await asyncio.sleep(0)
    status, headers, body, _ = await world.ask("POST", "/work", key=world.key)
    assert (status, refusal(body)["code"]) == (503, "NotReady")
    assert headers[b"retry-after"] == b"1"
    assert (await asyncio.wait_for(world.ask("GET", "/nowhere"), 1))[0] == 404
    gate.set()
    assert [answer[0] for answer in await asyncio.gather(*inside)] == [200, 200]
    assert (await world.ask("POST", "/work", key=world.key))[0] == 200


async def test_who_takes_too_long_is_answered_and_makes_room(tmp_path):
    world = World(tmp_path, Limits(concurrent=1, seconds=0.01))
    world.hold = asyncio.Event().wait
    status, _, body, _ = await world.ask("POST", "/work", key=world.key)
    assert (status, refusal(body)["code"]) == (504, "TooSlow")
    world.hold = None
    assert (await world.ask("POST", "/work", key=world.key))[0] == 200


async def test_our_own_fault_is_answered_without_a_word_of_it_and_raised(world):
    async def fault():
        raise ZeroDivisionError("customer 12345")

    world.hold = fault
    messages = []

    async def send(message):
        messages.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    headers = [(b"authorization", f"Bearer {world.key}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/work", "headers": headers}
    with pytest.raises(ZeroDivisionError):
        await world.border(scope, receive, send)
    assert messages[0]["status"] == 500
    assert b"12345" not in messages[1]["body"]


async def test_a_websocket_is_closed(world):
    sent = []

    async def send(message):
        sent.append(message)

    await world.border({"type": "websocket", "path": "/work"}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_counts_know_routes_and_never_a_path_that_a_caller_made_up(world):
    await world.ask("GET", "/task/secret-1", key=world.key)
    await world.ask("GET", "/secret-2", key=world.key)
    counts = world.telemetry.exposition().decode()
    assert 'finmodel_requests_total{route="/task/{piece}",status="200"} 1.0' in counts
    assert 'finmodel_requests_total{route="none",status="404"} 1.0' in counts
    for rule in RULES:
        assert f'finmodel_requests_total{{route="{rule.path}",status="507"}} 0.0' in counts
    assert "secret" not in counts
