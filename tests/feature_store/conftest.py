"""A small lender, and a real Kafka, each made once."""

import pytest

from benchmarks._kafka_broker import running
from tests.feature_store.small_home import Lender, make_lender


@pytest.fixture(scope="session")
def lender(tmp_path_factory) -> Lender:
    """240 customers; not to be written to."""
    return make_lender(tmp_path_factory.mktemp("lender"))


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Who stops it starts it again."""
    with running(tmp_path_factory.mktemp("kafka")) as started:
        yield started
