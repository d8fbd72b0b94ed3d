"""What holds for every test: the same examples on each run, and counters of this process alone."""

import os
import signal

# Two processes of tests share two cores: LightGBM's threads, which would spin while they wait for
# each other, sleep instead. Before anything loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Before Feast, whose metrics module would turn the whole process to counters kept in files, and
# tells the processes that it starts to.
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
os.environ.pop("PROMETHEUS_MULTIPROCESS_DIR", None)

import prometheus_client  # noqa: F401
import pytest
from hypothesis import settings

from benchmarks import _redis_server
from benchmarks._kafka_broker import running

# A run that passed passes again; `HYPOTHESIS_PROFILE=explore make test` looks for new examples.
# No example is timed: a busy machine would fail it.
settings.register_profile("settled", derandomize=True, deadline=None)
settings.register_profile("explore", print_blob=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "settled"))


@pytest.fixture(scope="module", autouse=True)
def keep_ctrl_c():
    """Tests ask optbinning itself, whose solver leaves the system's answer, which kills."""
    answer = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, answer)


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Who stops it starts it again."""
    with running(tmp_path_factory.mktemp("kafka"), brief=True) as started:
        yield started


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """Who kills it starts it again."""
    with _redis_server.running(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture
def empty_redis(redis_server):
    redis_server.say("FLUSHALL")
    return redis_server
