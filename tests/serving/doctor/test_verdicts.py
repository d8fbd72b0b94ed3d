"""Verdicts that wait for the event log are told, and warned of once they wait for long."""

from dataclasses import replace
from datetime import timedelta

from feature_store.event_log import FileEventLog
from finmodel.settings import Settings
from serving.doctor.verdicts import LONG_S, verdicts
from tests.serving.assist_world import NOW, assist_world
from tests.serving.assisting.test_taking import judged


def test_what_waits_for_a_log_that_another_holds_is_told(tmp_path):
    none = Settings(home=tmp_path, data=tmp_path)
    assert [one.says for one in verdicts(none)] == ["none was given here"]
    with assist_world(tmp_path / "home") as world:
        here = world.desk.settings
        with FileEventLog(here.events, write=True):
            judged(world, "c1")
            world.desk.verdict_log.close()
            (found,) = verdicts(here)
            assert (found.state, found.says[:28]) == ("ok", "waiting for the event log: 1")
            late = (NOW + timedelta(seconds=LONG_S)).isoformat()
            (found,) = verdicts(replace(here, standing_clock=late))
    assert (found.state, found.at) == ("warning", "verdicts")
    assert found.says == "waiting for the event log: 1, the oldest for 10 minutes"
    assert found.remedy == f"grep 'verdicts wait' {here.home / 'assist.log'}"
