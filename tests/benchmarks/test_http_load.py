"""The load generator against a small server that answers as each test needs."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks._http_load import Load, run


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wait, every = 0.0, 0
    """Seconds before an answer; and which requests are refused (each `every`-th)."""

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        with server.gate:
            server.bodies.append(body)
            refused = self.every and len(server.bodies) % self.every == 0
        time.sleep(self.wait)
        self.send_response(503 if refused else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Answering,), {}))
    made.gate, made.bodies = threading.Lock(), []
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()


def load(server, **changes):
    facts = {"headers": {}, "bodies": ['{"n":1}', '{"n":2}'], "seconds": 1.0, "warm_up": 0.2}
    return run(Load(url=f"http://127.0.0.1:{server.server_port}/", **(facts | changes)))


def test_an_open_loop_sends_at_its_rate_and_counts_every_answer(server):
    waited = load(server, rate=50.0)
    assert waited.requests == 50
    assert waited.statuses == {"200": 50}
    assert set(server.bodies) == {b'{"n":1}', b'{"n":2}'}
    assert 0 < waited.p50_ms <= waited.p99_ms <= waited.max_ms


def test_an_open_loop_does_not_wait_for_a_slow_server(server):
    """All are sent on time, though each answer takes longer than the gap."""
    server.RequestHandlerClass.wait = 0.2
    waited = load(server, rate=20.0)
    assert waited.requests == 20
    assert waited.p50_ms >= 200


def test_a_closed_loop_has_so_many_callers_and_no_more(server):
    server.RequestHandlerClass.wait = 0.1
    waited = load(server, callers=3)
    assert 0 < waited.per_second <= 3 / 0.1 + 3


def test_a_refusal_is_counted_by_its_status(server):
    server.RequestHandlerClass.every = 2
    waited = load(server, rate=20.0)
    assert set(waited.statuses) == {"200", "503"}


def test_no_answer_at_all_is_counted_as_failed():
    waited = run(Load("http://127.0.0.1:9/", {}, ["{}"], seconds=0.3, rate=20.0, warm_up=0.0))
    assert waited.requests == 0
    assert waited.failed == waited.statuses["0"] == 6
