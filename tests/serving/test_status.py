from types import SimpleNamespace

import pytest

from finmodel.clock import StandingClock, SystemClock, parse_time
from finmodel.records import Person
from finmodel.settings import Settings
from serving.status import status_of

LI = Person("Li", frozenset({"analyst"}))


def desk(home, standing=""):
    clock = StandingClock(parse_time(standing)) if standing else SystemClock()
    return SimpleNamespace(
        settings=Settings(home=home, data=home, standing_clock=standing),
        clock=clock,
        live=SimpleNamespace(serving=None, policy_alone=None, trouble="no version is champion"),
    )


def test_without_a_model_it_says_why(tmp_path):
    status = status_of(LI, desk(tmp_path))
    assert (status.ready, status.trouble) == (False, "no version is champion")
    assert (status.model, status.demo, status.clock_stands) == (None, False, False)


def test_a_home_that_the_demo_made_is_a_demo_before_it_has_a_model(tmp_path):
    (tmp_path / "demo").mkdir()
    status = status_of(None, desk(tmp_path, "2005-10-01T00:00:00+08:00"))
    assert status.demo
    assert status.clock_stands


def test_a_real_home_whose_clock_stands_is_no_demo_and_says_that_it_stands(tmp_path):
    status = status_of(None, desk(tmp_path, "2005-10-01T00:00:00+08:00"))
    assert not status.demo
    assert status.clock_stands


def test_what_others_write_beside_is_shown_to_who_is_signed_in(tmp_path):
    (tmp_path / "alias_status.json").write_text('{"moved": [{"alias": "champion"}]}')
    (tmp_path / "examples.json").write_text("[2, 57]")
    status = status_of(LI, desk(tmp_path))
    assert status.alias == {"moved": [{"alias": "champion"}]}
    assert status.examples == (2, 57)
    assert status_of(None, desk(tmp_path)).alias is None


@pytest.mark.parametrize("broken", ["", "{", "[]", "3"])
def test_a_file_that_is_not_what_it_should_be_is_not_shown(tmp_path, broken):
    (tmp_path / "alias_status.json").write_text(broken)
    assert status_of(LI, desk(tmp_path)).alias is None
