"""`transformers serve`, a stock server of OpenAI's routes, asked by its URL as any other."""

import dataclasses
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from fine_tune.bases.base import open_base
from fine_tune.bases.shipped import shipped
from finmodel.assistant.engines.endpoint import Endpoint
from finmodel.assistant.engines.engine import Asked, write
from finmodel.assistant.engines.transformer import open_transformer
from finmodel.assistant.template import Message
from finmodel.errors import NotFound
from tests.serving.small_world import free_port, wait_until

SAID = (Message("system", "你是客服。"), Message("user", "我这个月要还多少钱？"))


def answers(address):
    try:
        return urllib.request.urlopen(f"{address}/health", timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    port, log = free_port(), tmp_path_factory.mktemp("serve") / "log"
    serve = [str(Path(sys.executable).with_name("transformers")), "serve", str(shipped())]
    serve += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    with log.open("wb") as told:
        child = subprocess.Popen(serve, env=offline, stdout=told, stderr=told)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(address) or child.poll() is not None, 60)
        assert child.poll() is None, log.read_text()
        yield address
    finally:
        child.terminate()
        child.wait(30)


def test_it_writes_what_transformers_writes_in_process(served):
    base = open_base(shipped())
    endpoint = Endpoint(f"{served}/v1#{shipped()}")
    asked = Asked(SAID, most=24)
    said = write(endpoint, asked)
    assert len(said) >= 8
    assert said == write(open_transformer(base.folder, base.spoken), asked)
    pieces = endpoint.stream(dataclasses.replace(asked, most=60))
    assert next(pieces)
    pieces.close()


def test_a_model_that_it_does_not_serve_is_a_sentence(served):
    with pytest.raises(NotFound, match="or not this model"):
        write(Endpoint(f"{served}/v2#{shipped()}"), Asked(SAID, most=4))
