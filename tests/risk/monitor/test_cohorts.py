"""Which weeks may count, and that only the log and its outcomes say so: against pandas."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from finmodel.clock import micros, parse_time
from finmodel.decision_series import Series
from finmodel.drift import Bins
from finmodel.outcomes import Outcomes
from finmodel.settings import Settings
from risk.labels.delays import DAY
from risk.monitor.cohorts import Cohorts, weeks_of, whole_log
from risk.monitor.followed import Window, follow
from risk.monitor.scan import Asked, book_of, scan_decisions
from tests.risk.logged_decisions import Decided, at_us, log_decisions, stand_in_of

START = parse_time("2026-01-01T00:00:00+08:00")
NOW = START + timedelta(days=330)
ROWS = 1_200
THREE = {f"feature_{place}": Bins() for place in range(3)}


def looks(application, observed_us, dpd):
    nothing = np.full(len(application), -1)
    return Outcomes(
        application, observed_us, nothing.astype(np.int8), dpd.astype(np.int32), nothing
    )


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """120 days of decisions, looked at twice; a last file only has those of before day 50."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), data=tmp_path_factory.mktemp("none"))
    settings.make_home()
    rng = np.random.default_rng(5)
    parts = [
        Decided(
            day=np.sort(rng.uniform(0, 120, ROWS)),
            raw=rng.normal(-1.5, 1.0, ROWS),
            vector=rng.normal(size=(ROWS, 3)),
            product=product,
            first=first,
        )
        for product, first in (("cash_loan", 0), ("card", 50_000))
    ]
    log_decisions(settings, START, parts)
    day = np.concatenate([part.day for part in parts])
    who = np.concatenate([stand_in_of(settings, part.applications) for part in parts])
    bad = rng.random(len(who)) < 0.2
    old = day < 50
    seen = looks(who, at_us(START, day + 40), np.zeros(len(who)))
    seen = seen.then(looks(who, at_us(START, day + 70), np.where(bad, 35, 0)))
    # Of the old ones' bads some were written off, and are looked at no more.
    last = old & ~(bad & (rng.random(len(who)) < 0.5))
    seen = seen.then(looks(who[last], at_us(START, day[last] + 185), np.where(bad[last], 99, 0)))
    table = pd.DataFrame({"application": who, "time_us": at_us(START, day), "bad": bad, "day": day})
    table["product"] = np.repeat(["cash_loan", "card"], ROWS)
    return settings, seen, table


def labels_of(lived, outcomes, since=START, segment=None):
    """Labels by application, of a window and a segment, as monitoring has them."""
    settings, window = lived[0], Window(micros(NOW))
    asked = Asked("card", 1, (micros(since), micros(NOW)), segment or {})
    decisions = scan_decisions(Series(settings.audit), asked, THREE).decisions
    outcomes = outcomes.sorted()
    log = whole_log(book_of(Series(settings.audit)), outcomes, window.days, window.bad_dpd)
    label = follow(decisions, outcomes, window, log).label
    return pd.Series(label, index=decisions.application).sort_index()


def one_good_look(seen, table, day=90, after=200):
    """What was seen, and one account of a young week looked at past its window."""
    young = table[(table.day > day) & ~table.bad].nsmallest(1, "day")
    late = at_us(START, young.day + after)
    return seen.then(looks(young.application.to_numpy(), late, np.zeros(1)))


def test_a_bad_waits_for_its_own_week_not_for_one_look_at_one_account(lived):
    _, seen, table = lived
    labels = labels_of(lived, one_good_look(seen, table))
    told = table.set_index("application").sort_index().assign(label=labels)
    local = pd.to_datetime(told.time_us + 8 * 3_600_000_000, unit="us")
    told["week"] = local.dt.to_period("W-SUN")
    through = told.day < 50
    whole = told[~told.bad].assign(through=through).groupby("week").through.mean()
    complete = told.week.map(whole >= 0.8)
    expected = np.where(complete & (told.bad | through), told.bad.astype(int), -1)
    np.testing.assert_array_equal(told.label, expected)
    assert (told.label[told.day >= 56] == -1).all(), "a young decision has matured"
    known = told.label[told.label >= 0]
    assert known.mean() == pytest.approx(told.bad[told.day < 50].mean(), abs=0.02)


def test_a_file_of_a_part_of_the_book_ends_no_weeks_wait(lived):
    _, seen, table = lived
    young = table[(table.day > 60) & ~table.bad]
    part = young.iloc[::10]
    late = at_us(START, part.day + 200)
    some = seen.then(looks(part.application.to_numpy(), late, np.zeros(len(part))))
    pd.testing.assert_series_equal(labels_of(lived, some), labels_of(lived, seen))
    late = at_us(START, young.day + 200)
    all_of_it = seen.then(looks(young.application.to_numpy(), late, np.zeros(len(young))))
    now = labels_of(lived, all_of_it).reindex(table[table.day > 60].application)
    assert (now == table[table.day > 60].bad.to_numpy()).all()


@pytest.mark.parametrize(
    ("days", "segment"),
    [(30, None), (88, None), (0, {"product": "card"}), (20, {"product": "card"})],
)
def test_a_decision_has_the_same_label_whatever_window_and_segment_are_asked(lived, days, segment):
    _, seen, table = lived
    seen = one_good_look(one_good_look(seen, table), table, day=45)
    part = labels_of(lived, seen, START + timedelta(days=days), segment)
    whole = labels_of(lived, seen).reindex(part.index)
    assert 100 < len(part) < len(table)
    np.testing.assert_array_equal(part, whole)


@pytest.fixture(scope="module")
def decided_again(tmp_path_factory):
    """60 applications: 40 are decided again after 14 days, 20 of them by version 2 after 20 more.

    What was decided again is logged before the first decisions: time says which one is the last.
    """
    settings = Settings(home=tmp_path_factory.mktemp("home"), data=tmp_path_factory.mktemp("none"))
    settings.make_home()
    day = np.arange(60) / 4
    parts = [
        Decided(day=at, raw=np.full(len(at), raw), vector=np.zeros((len(at), 3)), version=version)
        for at, raw, version in ((day[:40] + 14, 0.0, 1), (day, -3.0, 1), (day[:20] + 34, 0.0, 2))
    ]
    log_decisions(settings, START, parts)
    table = pd.concat(
        pd.DataFrame(
            {
                "application": stand_in_of(settings, part.applications),
                "time_us": at_us(START, part.day),
                "decision": "approve" if part.raw[0] < -2 else "decline",
                "version": part.version,
            }
        )
        for part in parts
    )
    bad = pd.Series(np.arange(60) % 3 == 0, index=table.application[40:100])
    who = bad.index.to_numpy()
    seen = looks(who, at_us(START, np.full(60, 260)), np.where(bad, 200, 0))
    seen = seen.then(looks(who, at_us(START, np.full(60, 60)), np.where(bad, 40, 0))).sorted()
    is_last = table.groupby("application").time_us.transform("max") == table.time_us
    table["label"] = np.where(is_last, table.application.map(bad).astype(int), -1)
    return settings, seen, table


@pytest.mark.parametrize(
    ("days", "version", "segment"),
    [
        ((0, 330), 1, {}),
        ((0, 330), 2, {}),
        ((0, 14), 1, {}),
        ((10, 33), 1, {}),
        ((0, 330), 1, {"decision": "approve"}),
        ((0, 330), 1, {"decision": "decline"}),
    ],
)
def test_a_decision_that_was_followed_by_another_has_no_outcome_whoever_asks(
    decided_again, days, version, segment
):
    settings, seen, table = decided_again
    start, end = at_us(START, days).tolist()
    asked = Asked("card", version, (start, end), segment)
    cohorts = Cohorts(seen, 180, 30, tuple(weeks_of(np.array([start, end])).tolist()))
    decisions = scan_decisions(Series(settings.audit), asked, THREE, each=cohorts.add).decisions
    label = follow(decisions, seen, Window(micros(NOW)), cohorts.whole()).label
    wanted = table.time_us.between(start, end, inclusive="left") & (table.version == version)
    for name, value in segment.items():
        wanted &= table[name] == value
    keys = ["application", "time_us"]
    told = pd.DataFrame(
        {"application": decisions.application, "time_us": decisions.time_us, "label": label}
    )
    both = table[wanted].merge(told, on=keys, suffixes=("", "_told"), validate="1:1")
    assert len(both) == len(told) == wanted.sum() > 0
    np.testing.assert_array_equal(both.label_told, both.label)


def test_of_decisions_of_one_moment_the_one_logged_last_is_followed():
    """Pieces come in any order: the place in the log says it."""
    seen = looks(np.array([7, 8]), np.full(2, 300 * DAY), np.zeros(2))
    moment = np.full(2, DAY)
    pieces = [([7, 8], [30, 41]), ([8, 7], [40, 31]), ([9, 7], [99, 29])]
    book = [(np.array(who), moment, np.array(where)) for who, where in pieces]
    for order in (book, book[::-1]):
        log = whole_log(order, seen, 180, 30)
        assert log.last[log.looks.places(np.array([7, 8]))].tolist() == [31, 41]


def test_only_the_weeks_of_a_span_are_told_and_none_without_outcomes(lived):
    settings, seen, _ = lived
    whole = whole_log(book_of(Series(settings.audit)), seen.sorted(), 180, 30).weeks
    assert len(whole) >= 7
    first, last = int(whole[1]), int(whole[3])
    some = whole_log(book_of(Series(settings.audit)), seen.sorted(), 180, 30, (first, last)).weeks
    assert some.tolist() == whole[1:4].tolist()
    assert whole_log(book_of(Series(settings.audit)), Outcomes.none(), 180, 30).weeks.tolist() == []


def test_weeks_begin_on_monday_where_the_lender_is():
    days = pd.date_range("2026-02-25", "2026-03-20", freq="7h", tz="Asia/Shanghai")
    told = weeks_of(days.as_unit("us").asi8)
    mondays = days.tz_localize(None).to_period("W-SUN")
    np.testing.assert_array_equal(np.diff(told) != 0, mondays[1:] != mondays[:-1])
    assert DAY == 86_400_000_000
