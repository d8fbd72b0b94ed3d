import pytest

from tests.finmodel.assistant.engines.small_engines import small


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return small(tmp_path_factory.mktemp("engines"))
