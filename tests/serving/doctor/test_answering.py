"""Ports that answer as a service of ours, as something else, or not at all."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from serving.assisting.writing import NO_WRITER
from serving.doctor.answering import ask, judged
from serving.live import LOADING
from tests.serving.small_world import free_port

READY = {"ready": True, "clock": "2026-06-01T00:00:00Z", "trouble": ""}


def assistant(engine_state, **more):
    return json.dumps(READY | {"engine_state": engine_state} | more).encode()


@contextmanager
def answering(status, body):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "state", "says"),
    [
        (200, json.dumps(READY).encode(), "ok", "with a model in service"),
        (200, assistant(NO_WRITER), "ok", "scripts alone"),
        (200, assistant("qwen writes beside scripts", scripts="scripts as shipped"), "ok", "qwen"),
        (
            200,
            assistant("scripts alone: the writer failed (OSError)"),
            "warning",
            "the writer failed",
        ),
        (
            200,
            assistant(NO_WRITER, other_state="scripts alone: a: it was changed; promote another"),
            "warning",
            "it was changed",
        ),
        (
            200,
            assistant(NO_WRITER, scripts="scripts version 1; a newer one is refused: no key"),
            "warning",
            "a newer one is refused: no key",
        ),
        (
            200,
            json.dumps(READY | {"trouble": "no version is champion"}).encode(),
            "wrong",
            "no ver",
        ),
        (200, json.dumps(READY | {"trouble": LOADING}).encode(), "warning", ""),
        (200, b"<html>", "wrong", "no service of ours"),
        (404, b"{}", "wrong", "no service of ours"),
        (500, b"\xff", "wrong", "it answers 500"),
        (503, b"{}", "wrong", "it answers 503"),
    ],
)
def test_what_a_port_answers_is_told(status, body, state, says):
    with answering(status, body) as port:
        found = judged(ask("127.0.0.1", port), log="service.log", model="behaviour_risk")
    assert found.state == state
    assert says in found.says


def test_a_port_where_nothing_listens_is_told_with_the_command_that_serves():
    found = judged(ask("127.0.0.1", free_port()), log="service.log", model="m")
    assert found.state == "wrong"
    assert found.remedy == "finmodel serve"
