"""Snapshots say what was known then: against plain Python, and against a log that ends there."""

import random
import statistics
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from feature_store import history
from feature_store.event_log import FileEventLog, append_all
from finmodel.errors import BadInput, NoRoom
from finmodel.events import AccountStatusObserved, RepaymentReceived, StatementIssued
from finmodel.lender import credit_default
from finmodel.settings import Settings

ZONE = ZoneInfo("Asia/Taipei")
KEYS = ["customer_id", "event_timestamp", "created_timestamp"]


def built(home, events):
    settings = Settings(home=home, data=home)
    with FileEventLog(settings.events, write=True) as log:
        append_all(log, events)
    history.build(settings, FileEventLog(settings.events))
    return frame(settings)


def frame(settings):
    """All views side by side, a row a snapshot."""
    views = [pd.read_parquet(settings.offline / f"{view}.parquet") for view in history.VIEWS]
    for view in views[1:]:
        assert view[KEYS].equals(views[0][KEYS])
    return pd.concat([views[0], *(view.drop(columns=KEYS) for view in views[1:])], axis=1)


def test_every_month_of_every_customer_has_a_snapshot(lender):
    snapshots = frame(lender.settings)
    assert len(snapshots) == 6 * len(lender.table)
    assert len(history.VIEWS) == 8
    assert len(snapshots.columns) - len(KEYS) == 84
    assert set(snapshots.drop(columns=KEYS).dtypes.map(str)) == {"float32"}
    assert snapshots[KEYS[:2]].equals(snapshots[KEYS[:2]].sort_values(KEYS[:2]))
    assert (snapshots["created_timestamp"] == snapshots["event_timestamp"]).all()


def test_the_last_snapshot_holds_all_that_the_table_knows(lender):
    last = frame(lender.settings).groupby("customer_id").last()
    table = lender.table.set_index("ID").sort_index()
    raw = {"credit_limit_lag_0m": "LIMIT_BAL"}
    for ago, (_, status, bill, paid) in enumerate(reversed(credit_default.MONTHS)):
        raw |= {
            f"status_lag_{ago}m": status,
            f"balance_lag_{ago}m": bill,
            f"repayment_lag_{ago}m": paid,
        }
    assert len(raw) == 19
    for feature, column in raw.items():
        assert last[feature].tolist() == table[column].astype("float32").tolist(), feature


def by_hand(events, at):
    """What features of one customer are at a time, from first principles and events alone."""
    known = [e for e in events if e.known_at <= at]
    month = lambda time: (t := time.astimezone(ZONE)).year * 12 + t.month  # noqa: E731
    newest = lambda some: max(some, key=lambda e: e.known_at, default=None)  # noqa: E731
    current = max(month(e.occurred_at) for e in known if isinstance(e, AccountStatusObserved))
    code, balance, limit, paid, closed = {}, {}, {}, {}, {}
    for ago in range(7):
        mine = [e for e in known if month(e.occurred_at) == current - ago]
        if status := newest([e for e in mine if isinstance(e, AccountStatusObserved)]):
            code[ago], closed[ago] = status.status_code, at - status.occurred_at
            paid[ago] = 0.0
        if statement := newest([e for e in mine if isinstance(e, StatementIssued)]):
            balance[ago] = statement.balance_minor / 100
            limit[ago] = statement.limit_minor / 100
        repayments = [e.amount_minor / 100 for e in mine if isinstance(e, RepaymentReceived)]
        if ago in code:
            paid[ago] = sum(repayments)
    within = {days: [a for a, age in closed.items() if age < timedelta(days)] for days in (90, 180)}
    nan = float("nan")
    answer = {f"status_lag_{ago}m": code.get(ago, nan) for ago in range(6)}
    answer |= {f"balance_lag_{ago}m": balance.get(ago, nan) for ago in range(6)}
    answer |= {f"repayment_lag_{ago}m": paid.get(ago, nan) for ago in range(6)}
    answer["credit_limit_lag_0m"] = limit.get(0, nan)
    spend = {
        ago: balance[ago] - balance[ago + 1] + paid[ago]
        for ago in range(6)
        if ago in balance and ago + 1 in balance and ago in paid
    }
    ratio = {
        ago: min(paid[ago] / balance[ago + 1], 10)
        for ago in range(5)
        if balance.get(ago + 1, 0) > 0 and ago in paid
    }
    for ago in range(5):
        answer[f"spend_lag_{ago}m"] = spend.get(ago, nan)
        answer[f"repayment_ratio_lag_{ago}m"] = ratio.get(ago, nan)
    for days, ages in within.items():
        codes = [code[a] for a in ages]
        balances = [balance[a] for a in ages if a in balance]
        used = [balance[a] / limit[a] for a in ages if a in balance]
        answer |= {
            f"repayment_late_count_{days}d": sum(c >= 1 for c in codes),
            f"repayment_serious_late_count_{days}d": sum(c >= 2 for c in codes),
            f"status_worst_{days}d": max(codes, default=nan),
            f"status_mean_{days}d": statistics.fmean(codes) if codes else nan,
            f"balance_mean_{days}d": statistics.fmean(balances) if balances else nan,
            f"utilisation_max_{days}d": max(used, default=nan),
            f"repayment_sum_{days}d": sum(paid[a] for a in ages),
            f"repayment_zero_count_{days}d": sum(paid[a] == 0 for a in ages),
        }
    late = [a for a in within[180] if code[a] >= 1]
    on_time = [a for a in within[180] if code[a] <= 0]
    answer["repayment_late_months_since_180d"] = min(late, default=nan)
    answer["repayment_late_streak_180d"] = min(on_time, default=len(within[180]))
    return answer


def test_features_are_what_one_would_work_out_by_hand(lender):
    """At random customers and snapshots, and nothing known later is in them."""
    snapshots = frame(lender.settings)
    events = by_customer(lender)
    for index in random.Random(3).sample(range(len(snapshots)), 150):
        row = snapshots.iloc[index]
        expected = by_hand(events[row["customer_id"]], row["event_timestamp"].to_pydatetime())
        assert len(expected) == 47
        np.testing.assert_allclose(
            row[list(expected)].to_numpy(float), list(expected.values()), rtol=1e-5, atol=1e-3
        )


def by_customer(lender):
    events = {}
    for event in credit_default.history(lender.table):
        events.setdefault(event.customer_id, []).append(event)
    return events


def test_a_snapshot_is_the_same_whatever_happens_later(lender, tmp_path):
    """Cut the log at times; what had been known by then stays the same in every feature."""
    events = list(credit_default.history(lender.table))
    whole = frame(lender.settings)
    for number, day in enumerate(random.Random(9).sample(range(40, 180), 3)):
        at = credit_default.OPENED_AT + timedelta(days=day, hours=11)
        cut = built(tmp_path / str(number), [e for e in events if e.known_at <= at])
        kept = whole[whole["event_timestamp"] <= at].reset_index(drop=True)
        assert len(cut) > 200
        pd.testing.assert_frame_equal(cut, kept)


def test_what_is_known_late_is_used_late(tmp_path):
    """A repayment of June that is posted in July, and a status corrected in August."""
    table = credit_default.load().head(1)
    events = list(credit_default.history(table))
    paid_in_june = RepaymentReceived(
        event_id="late",
        customer_id=1,
        occurred_at=datetime(2005, 6, 20, tzinfo=ZONE),
        known_at=datetime(2005, 7, 2, tzinfo=ZONE),
        currency="TWD",
        amount_minor=77_00,
    )
    statuses = [one for one in events if isinstance(one, AccountStatusObserved)]
    (july,) = (one for one in statuses if one.occurred_at.astimezone(ZONE).month == 7)
    corrected = replace(
        july, event_id="correction", known_at=datetime(2005, 8, 9, tzinfo=UTC), status_code=5
    )
    before = built(tmp_path / "before", events)
    after = built(tmp_path / "after", [*events, paid_in_june, corrected])
    june, aug_9 = pd.Timestamp(2005, 7, 1, tz=ZONE), pd.Timestamp(2005, 8, 9, tz=UTC)
    pd.testing.assert_frame_equal(
        after[after["event_timestamp"] < june], before[before["event_timestamp"] < june]
    )
    row = after.set_index("event_timestamp")
    assert row["repayment_lag_1m"].iloc[3] == before["repayment_lag_1m"].iloc[3] + 77
    assert row["status_lag_0m"].loc[aug_9] == 5
    assert row["status_lag_0m"].iloc[3] == july.status_code
    assert row["status_lag_1m"].iloc[-2] == 5
    assert len(after) == len(before) + 1


def test_a_second_sending_counts_once(lender, tmp_path):
    events = list(credit_default.history(lender.table.head(20)))
    once = built(tmp_path / "once", events)
    twice = built(tmp_path / "twice", [*events, *events[::-1]])
    pd.testing.assert_frame_equal(once, twice)


def test_building_again_makes_the_same_bytes(lender, tmp_path):
    copy = lender.copy(tmp_path / "home")
    steps = []
    counts = history.build(copy.settings, copy.log(), progress=lambda *step: steps.append(step))
    for view in history.VIEWS:
        path = f"{view}.parquet"
        again = (copy.settings.offline / path).read_bytes()
        assert again == (lender.settings.offline / path).read_bytes()
        assert counts[view] == 6 * len(lender.table)
    assert [done for _, done, _ in steps] == list(range(1, steps[0][2] + 1))


def test_a_failure_leaves_the_old_snapshots(lender, tmp_path, monkeypatch):
    copy = lender.copy(tmp_path / "home")
    before = {p.name: p.read_bytes() for p in copy.settings.offline.iterdir()}
    monkeypatch.setattr(history, "VIEWS", (*history.VIEWS, "no_such_view"))
    with pytest.raises(FileNotFoundError):
        history.build(copy.settings, copy.log())
    assert {p.name: p.read_bytes() for p in copy.settings.offline.iterdir()} == before


def test_a_disk_that_cannot_be_written_is_said(lender, tmp_path, monkeypatch):
    def full(*_):
        raise duckdb.IOException("No space left on device")

    copy = lender.copy(tmp_path / "home")
    monkeypatch.setattr(history, "_write_view", full)
    with pytest.raises(NoRoom, match="make room"):
        history.build(copy.settings, copy.log())


def test_the_profile_needs_its_keys(tmp_path):
    settings = Settings(home=tmp_path, data=tmp_path)
    with pytest.raises(BadInput, match="no column event_timestamp"):
        history.write_profile(settings, pd.DataFrame({"customer_id": [1], "age": [30]}))
    assert not list(tmp_path.rglob("*.parquet"))
