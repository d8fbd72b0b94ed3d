"""Windows to send in: never at night, never in quiet hours, evenly spread, in the zone's clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from marketing.campaign.contact_hours import is_open, open_minutes, windows_of

SHANGHAI = "Asia/Shanghai"
DAYS = dt.date(2026, 4, 6), dt.date(2026, 4, 8)


def test_no_window_opens_or_closes_in_quiet_hours_or_at_night():
    found = windows_of(open_minutes(("00:00", "24:00"), ("12:00", "13:30")), DAYS, SHANGHAI, 0)
    assert len(found.opens_us) == 3 * (4 + 9)
    for opens, closes in zip(found.opens_us.tolist(), found.closes_us.tolist(), strict=True):
        begin, end = (
            dt.datetime.fromtimestamp(us / 1e6, ZoneInfo(SHANGHAI)) for us in (opens, closes)
        )
        assert begin.date() == end.date()
        assert 8 * 60 <= begin.hour * 60 + begin.minute < end.hour * 60 + end.minute <= 22 * 60
        assert end.hour * 60 + end.minute <= 720 or begin.hour * 60 + begin.minute >= 810
        assert 0 < closes - opens <= 3_600_000_000


@pytest.mark.parametrize(
    ("hour", "told"), [(7, False), (9, True), (12, False), (21, True), (22, False)]
)
def test_a_moment_is_open_by_the_zones_clock(hour, told):
    at = dt.datetime(2026, 4, 6, hour, 30, tzinfo=ZoneInfo(SHANGHAI))
    stretches = open_minutes(("00:00", "24:00"), ("12:00", "13:30"))
    assert is_open(round(at.timestamp() * 1e6), stretches, SHANGHAI) is told


def test_windows_begin_after_now_and_are_used_evenly():
    stretches = open_minutes(("09:00", "20:00"), ("21:00", "09:00"))
    everything = windows_of(stretches, DAYS, SHANGHAI, 0)
    later = windows_of(stretches, DAYS, SHANGHAI, int(everything.opens_us[4]))
    np.testing.assert_array_equal(later.opens_us, everything.opens_us[4:])
    used = np.bincount(everything.spread((np.arange(3_300) + 0.5) / 3_300))
    assert used.tolist() == [100] * 33


def test_a_campaign_that_is_over_has_no_window():
    stretches = open_minutes(("09:00", "20:00"), ("21:00", "09:00"))
    after = round(dt.datetime(2026, 5, 1, tzinfo=ZoneInfo(SHANGHAI)).timestamp() * 1e6)
    assert len(windows_of(stretches, DAYS, SHANGHAI, after).opens_us) == 0


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("UTC", [*range(16, 22)]),  # 08:00 to 14:00 there
        ("Asia/Kolkata", [*range(10, 22)]),
        ("Asia/Tokyo", [*range(8, 21)]),
    ],
)
def test_nobody_is_contacted_at_night_in_china_nor_at_night_in_another_zone(zone, hours):
    stretches = open_minutes(("00:00", "24:00"), ("23:00", "07:00"))
    found = windows_of(stretches, DAYS, zone, 0)
    for clock in (zone, SHANGHAI):
        for opens, closes in zip(found.opens_us.tolist(), found.closes_us.tolist(), strict=True):
            begin, end = (
                dt.datetime.fromtimestamp(us / 1e6, ZoneInfo(clock)) for us in (opens, closes)
            )
            assert begin < end <= begin + dt.timedelta(hours=1)
            assert begin.hour * 60 + begin.minute >= 8 * 60
            assert begin.date() == end.date()
            assert end.hour * 60 + end.minute <= 22 * 60
    local = {dt.datetime.fromtimestamp(us / 1e6, ZoneInfo(SHANGHAI)).hour for us in found.opens_us}
    assert sorted(local) == hours
    at = dt.datetime(2026, 4, 6, tzinfo=ZoneInfo(SHANGHAI))
    for hour in range(24):
        moment = round((at + dt.timedelta(hours=hour, minutes=45)).timestamp() * 1e6)
        assert is_open(moment, stretches, zone) is (hour in hours)
