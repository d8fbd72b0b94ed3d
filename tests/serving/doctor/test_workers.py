"""Workers that fell silent, that were stopped, and that another took over from."""

from datetime import timedelta

import pytest

from finmodel.clock import SystemClock
from finmodel.settings import Settings
from serving import stream_state
from serving.doctor.workers import QUIET_S, judged, workers
from serving.stream_state import ONCE, WorkerSeen, keep_state, told_when_stopped
from tests.spoken_commands import misspoken

LONG_S = 4 * QUIET_S


def heard(name: str, silent_s: float, stopped: bool = False) -> WorkerSeen:
    return WorkerSeen(name, silent_s, not stopped and silent_s < 60, (), stopped)


@pytest.mark.parametrize(
    ("seen", "states"),
    [
        ([], ["ok"]),
        ([heard("desk-1", 2)], ["ok"]),
        ([heard("desk-1", QUIET_S - 1)], ["ok"]),
        ([heard("desk-1", LONG_S, stopped=True)], ["ok"]),
        ([heard(ONCE, LONG_S)], ["ok"]),
        ([heard("desk-1", LONG_S)], ["wrong"]),
        ([heard(ONCE, 2), heard("desk-1", LONG_S)], ["wrong"]),
        ([heard("desk-2", 2), heard("desk-1", LONG_S)], ["warning"]),
        ([heard("desk-2", 2, stopped=True), heard("desk-1", LONG_S)], ["wrong"]),
        ([heard("desk-2", LONG_S), heard("desk-1", LONG_S + 1)], ["wrong", "wrong"]),
        ([heard("pid-9", 2), heard("pid-7", LONG_S)], ["ok"]),
        ([heard("pid-9", 900, stopped=True), heard("pid-7", LONG_S)], ["ok"]),
        ([heard("pid-9", LONG_S), heard("pid-7", LONG_S + 1)], ["wrong"]),
    ],
)
def test_who_is_silent_without_having_stopped_is_told(seen, states):
    found = judged(seen)
    assert [one.state for one in found] == states
    for one in found:
        assert bool(one.remedy) == (one.state != "ok")
        assert misspoken(one.remedy or "finmodel stream") == ""


def test_a_sentence_says_who_for_how_long_and_what_to_type():
    (found,) = judged([heard("desk-2", 2), heard("desk 1", LONG_S)])
    assert found.says.startswith("worker desk 1 has said nothing for 20 minutes (it ended, hangs, ")
    assert found.says.endswith("), and what it counted is left to desk-2")
    assert found.remedy == "finmodel stream --kafka BROKERS --instance 'desk 1'"
    (found,) = judged([heard("pid-7", LONG_S)])
    assert found.remedy == "finmodel stream"


def test_what_workers_wrote_is_read_as_they_left_it(tmp_path, monkeypatch):
    here = Settings(home=tmp_path, data=tmp_path)
    assert [one.state for one in workers(here)] == ["ok"]
    keep_state(here.streams, "desk-1", {"t": 3}, {})
    with told_when_stopped(here.streams, "desk-2"):
        keep_state(here.streams, "desk-2", {"t": 0}, {})
    (found,) = workers(here)
    assert (found.state, found.says) == ("ok", "at work: desk-1")

    class Later:
        def now(self):
            return SystemClock().now() + timedelta(seconds=LONG_S)

    monkeypatch.setattr(stream_state, "SystemClock", Later)
    (found,) = workers(here)
    assert (found.state, found.says[:14]) == ("wrong", "worker desk-1 ")
