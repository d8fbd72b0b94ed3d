"""A small lender's home that is whole, and a copy of it for each test to break."""

import shutil
from dataclasses import replace

import pytest

from finmodel.acts import audited
from finmodel.settings import Settings
from tests.serving.small_world import make_world


@pytest.fixture(scope="session")
def lender(tmp_path_factory) -> Settings:
    settings = make_world(tmp_path_factory.mktemp("doctor") / "home").settings
    settings.home.chmod(0o700)
    settings.demo.mkdir()  # its clock stands
    for number in range(3):
        audited(settings, "act", {"number": number})
    return settings


@pytest.fixture
def home(lender, tmp_path) -> Settings:
    shutil.copytree(lender.home, tmp_path / "home")
    return replace(lender, home=tmp_path / "home")
