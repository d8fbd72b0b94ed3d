"""One small world and one running service for all the tests of serving."""

import httpx
import pytest

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
