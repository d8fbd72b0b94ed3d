"""Alerts are acknowledged within the same limits in a shell as on the page."""

import pytest

from finmodel.errors import BadInput, NotFound
from finmodel.records import Person
from finmodel.settings import Settings
from risk.monitor.alerts import acknowledge

LIN = Person("Lin", frozenset({"analyst"}))


def test_an_owner_of_more_than_64_signs_is_refused_and_nothing_is_kept(tmp_path):
    settings = Settings(home=tmp_path, data=tmp_path)
    with pytest.raises(BadInput, match="at most 64 signs, this one has 300"):
        acknowledge(settings, "a000001-0000a3f0-9f3ac41d0b7e", LIN, "seen", "王" * 300)
    with pytest.raises(NotFound, match="there is no such alert"):
        acknowledge(settings, "a000001-0000a3f0-9f3ac41d0b7e", LIN, "seen", "王" * 64)
    assert not settings.alerts.exists()
