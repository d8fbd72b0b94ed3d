"""Thresholds of the doctor, on figures made for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from finmodel.records import Person
from serving.doctor.judging import (
    DiskUse,
    Times,
    ViewSample,
    clock,
    disk,
    freshness,
    map_use,
    memory,
    people,
    standing,
)

GIB = 1 << 30
DAY = 86_400.0
ROOMY = DiskUse(100 * GIB, 50 * GIB, 1_000_000, 900_000, False)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SOUND = Times(NOW, NOW, ("HEAD", NOW), NOW, NOW)
LI = Person("Li", frozenset({"validator"}))


@pytest.mark.parametrize(
    ("use", "state"),
    [
        (ROOMY, "ok"),
        (replace(ROOMY, free=9 * GIB), "warning"),
        (replace(ROOMY, free=2 * GIB), "wrong"),
        (replace(ROOMY, total=2 * GIB, free=GIB // 4), "wrong"),
        (replace(ROOMY, files_free=1_000), "wrong"),
        (replace(ROOMY, read_only=True), "wrong"),
        (replace(ROOMY, files=0, files_free=0), "ok"),
        (DiskUse(0, 0, 0, 0, False), "wrong"),
    ],
)
def test_a_disk_with_little_room_or_none_to_write(use, state):
    assert disk("disk", use, "/srv").state == state


@pytest.mark.parametrize(("percent", "state"), [(79, "ok"), (81, "warning"), (96, "wrong")])
def test_a_store_that_fills(percent, state):
    assert map_use("map", percent * GIB, 100 * GIB).state == state
    assert memory("redis", percent * GIB, 100 * GIB).state == state


def test_a_redis_without_a_limit_is_never_full():
    assert memory("redis", 100 * GIB, 0).state == "ok"


@pytest.mark.parametrize(
    ("ages", "missing", "ahead", "state"),
    [
        ((10 * DAY, 50 * DAY, 20 * DAY), 0, 0, None),
        ((10 * DAY, 50 * DAY, 60 * DAY), 0, 0, "warning"),
        ((46 * DAY, 50 * DAY), 0, 0, "wrong"),
        ((), 200, 0, "warning"),
        ((10 * DAY,), 0, 1, "warning"),
    ],
)
def test_a_view_is_stale_where_nothing_feeds_it(ages, missing, ahead, state):
    found = freshness("features", ViewSample("bill", 45 * DAY, True, ages, missing, ahead))
    assert (found and found.state) == state
    if state == "wrong":
        assert found.remedy == "finmodel stream"


def test_a_view_without_an_end_never_goes_stale():
    assert freshness("features", ViewSample("x", float("inf"), False, (9e9,), 0, 0)) is None


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (SOUND, "it fits"),
        (replace(SOUND, newest_file=("HEAD", NOW + timedelta(hours=3))), "HEAD is dated 3 hours"),
        (replace(SOUND, last_entry=NOW + timedelta(days=9)), "newest entry is 9 days ahead"),
        (replace(SOUND, served=NOW - timedelta(minutes=5)), "service's clock is 5 minutes off"),
        (replace(SOUND, served=None, last_entry=None, newest_file=None), "it fits"),
    ],
)
def test_a_clock_is_held_against_what_was_written(times, says):
    (found,) = clock("clock", times)
    assert says in found.says
    assert (found.state == "ok") == (says == "it fits")


def test_a_clock_that_stands_is_a_demos():
    assert standing("clock", "2005-10-01T00:00:00+08:00", demo=True) == []
    assert standing("clock", "", demo=False) == []
    (found,) = standing("clock", "2005-10-01T00:00:00+08:00", demo=False)
    assert found.state == "wrong"


@pytest.mark.parametrize(
    ("everyone", "state"),
    [
        ([], "warning"),
        ([LI], "ok"),
        ([replace(LI, roles=frozenset({"agent"}))], "warning"),
        ([LI, replace(LI, name="demo-engineer", demo=True)], "wrong"),
    ],
)
def test_somebody_must_be_able_to_approve_and_nobody_of_a_demo(everyone, state):
    assert people("people", everyone, demo=False, exports=True).state == state
