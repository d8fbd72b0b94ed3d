"""One shelf for all desks: reading it anew takes a second, and no test here puts anything on it."""

from functools import cache

import pytest

from finmodel.assistant.suggesting.shelf import shipped_shelf
from serving.assisting import shelves


@pytest.fixture(autouse=True, scope="session")
def one_shelf():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelves, "shipped_shelf", cache(shipped_shelf))
        yield
