"""A small lender, and a real Kafka, each made once."""

import pytest

from tests.feature_store.small_home import Lender, make_lender


@pytest.fixture(scope="session")
def lender(tmp_path_factory) -> Lender:
    """240 customers; not to be written to."""
    return make_lender(tmp_path_factory.mktemp("lender"))
