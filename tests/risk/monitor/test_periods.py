"""Windows that are cut into weeks and months, up to the ends of what can be counted."""

from datetime import timedelta

import pytest

from finmodel.clock import CHINA, parse_time
from finmodel.errors import BadInput
from risk.monitor.periods import EARLIEST, LATEST, cut


@pytest.mark.parametrize("by", ["week", "month"])
def test_windows_at_the_ends_of_time_are_cut(by):
    for start in (EARLIEST, LATEST.astimezone(CHINA) - timedelta(days=60)):
        periods = cut(start, start + timedelta(days=60), by)
        assert len(periods.names) == len(periods.edges_us) - 1 > 1
        assert sorted(set(periods.edges_us)) == list(periods.edges_us)


@pytest.mark.parametrize("by", ["week", "month"])
@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("0001-01-01T00:00:00+08:00", "2026-01-01T00:00:00+08:00", "before 1970; begin later"),
        ("1970-01-01T00:00:00+08:00", "1970-02-01T00:00:00+08:00", "before 1970; begin later"),
        ("9999-12-01T00:00:00Z", "9999-12-31T23:59:59-08:00", "after the year 9000; end earlier"),
        ("8999-12-01T00:00:00Z", "9000-01-01T00:00:01Z", "after the year 9000; end earlier"),
    ],
)
def test_windows_beyond_them_are_a_sentence(start, end, by, says):
    with pytest.raises(BadInput, match=says):
        cut(parse_time(start), parse_time(end), by)
