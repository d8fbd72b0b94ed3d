"""What workers tell of their lag: each in its own file, and no news once they are silent."""

from contextlib import suppress
from datetime import timedelta

import pytest

from finmodel.clock import SystemClock
from serving import stream_state
from serving.stream_state import ONCE, keep_state, told_when_stopped, workers_in


class _Later:
    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self):
        return SystemClock().now() + self._by


def test_each_worker_is_seen_until_it_is_long_gone(tmp_path, monkeypatch):
    keep_state(tmp_path, "a/b", {"t": 3, "s": 0}, {"t": 0.5})
    keep_state(tmp_path, ONCE, {"t": 0}, {})
    (tmp_path / "other.json").write_text("{")
    told = {one.name: one for one in workers_in(tmp_path)}
    assert {name: one.at_work for name, one in told.items()} == {"a/b": True, ONCE: False}
    assert [(one.topic, one.lag, one.freshness_s) for one in told["a/b"].topics] == [
        ("s", 0, None),
        ("t", 3, 0.5),
    ]
    (tmp_path / "file").touch()
    keep_state(tmp_path / "file" / "below", "x", {}, {})  # it is logged, and ends nothing
    monkeypatch.setattr(stream_state, "SystemClock", lambda: _Later(timedelta(seconds=61)))
    assert not any(one.at_work for one in workers_in(tmp_path))
    monkeypatch.setattr(stream_state, "SystemClock", lambda: _Later(timedelta(days=8)))
    keep_state(tmp_path, "new", {}, {})
    assert [one.name for one in workers_in(tmp_path)] == ["new"]


@pytest.mark.parametrize(
    ("ended_by", "stopped"), [(None, True), (KeyboardInterrupt, True), (RuntimeError, False)]
)
def test_who_was_stopped_by_a_person_says_so_and_who_broke_does_not(tmp_path, ended_by, stopped):
    keep_state(tmp_path, "other", {"t": 9}, {})
    with suppress(KeyboardInterrupt, RuntimeError), told_when_stopped(tmp_path, "x"):
        keep_state(tmp_path, "x", {"t": 3, "s": 0}, {"t": 0.5})
        before = workers_in(tmp_path)[0].topics
        if ended_by:
            raise ended_by
    told = {one.name: one for one in workers_in(tmp_path)}
    assert (told["x"].stopped, told["x"].at_work) == (stopped, not stopped)
    assert told["x"].topics == before
    assert not told["other"].stopped
