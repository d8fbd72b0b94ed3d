"""One small world, one running service and a browser for all the tests of serving."""

import shutil

import httpx
import pytest
from playwright.sync_api import sync_playwright

from tests.serving.small_world import World, answers, make_world, running, wait_until


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    return make_world(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def service(world):
    with running(world.settings) as address:
        wait_until(lambda: answers(f"{address}/readyz"), 60, world.settings.home / "service.log")
        yield address


@pytest.fixture(scope="session")
def client(service):
    with httpx.Client(base_url=service, timeout=20) as made:
        yield made


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is missing: make test installs it"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
