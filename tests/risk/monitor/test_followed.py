"""Vintages of accounts whose looks stop at different times, against pandas."""

import numpy as np
import pandas as pd
import pytest

from finmodel.clock import micros, parse_time
from finmodel.outcomes import Outcomes
from risk.labels.delays import DAY
from risk.monitor.followed import Window, follow, months_of, vintages
from risk.monitor.scan import Decisions

BEGIN = micros(parse_time("2026-01-01T00:00:00+08:00"))
NOW = micros(parse_time("2026-12-31T00:00:00+08:00"))


def panel_of(decided_us, account, observed_us, dpd):
    n = len(decided_us)
    nothing = np.zeros(n)
    decisions = Decisions(
        decided_us, nothing.astype(np.int32), nothing, nothing, nothing.astype(np.uint8),
        np.arange(1, n + 1), np.arange(n),
    )  # fmt: skip
    unknown = np.full(len(account), -1)
    seen = Outcomes(
        account + 1, observed_us, unknown.astype(np.int8), dpd.astype(np.int32), unknown
    ).sorted()
    window = Window(NOW)
    return vintages(decisions, follow(decisions, seen, window), window)


@pytest.fixture(scope="module", params=[(3, 6), (7, 10)], ids=["many", "few"])
def book(request):
    """Two months of decisions, looked at every month; some are looked at no more from some on.

    Of a third that is too many for a rate, of a seventh not. Half of the bads are written off.
    """
    rng = np.random.default_rng(2)
    n, (every, least) = 950, request.param
    decided = BEGIN + (rng.uniform(0, 58, n) * DAY).astype(np.int64)
    stops = np.where(np.arange(n) % every == 0, 3, 6)
    looks = [
        (account, decided[account] + (29 + 30 * step) * DAY, step, rng.random() < 0.03)
        for account in range(n)
        for step in range(stops[account])
    ]
    table = pd.DataFrame(looks, columns=["account", "observed_us", "step", "hit"])
    late = table.groupby("account").hit.cummax()
    table["dpd"] = np.where(late, 40, 0)
    written_off = (late.groupby(table.account).cumsum() > 1) & (table.account % 2 == 0)
    return decided, table[~written_off].reset_index(drop=True), least


def test_a_rate_is_of_the_accounts_that_were_followed_so_far_or_late_before(book):
    decided, table, least = book
    columns = (table[name].to_numpy() for name in ("account", "observed_us", "dpd"))
    rows = {row.cohort: row for row in panel_of(decided, *columns).rows}
    local = pd.to_datetime(decided + 8 * 3_600_000_000, unit="us").to_period("M")
    seen = pd.to_datetime(table.observed_us + 8 * 3_600_000_000, unit="us").dt.to_period("M")
    table = table.assign(cohort=local[table.account], seen=seen)
    table["mob"] = [(s - c).n for s, c in zip(table.seen, table.cohort, strict=True)]
    told = 0
    for cohort, mine in table.groupby("cohort"):
        last = mine.groupby("account").mob.max()
        late = mine[mine.dpd >= 30].groupby("account").mob.min().reindex(last.index)
        row = rows[str(cohort)]
        assert row.accounts == len(last)
        cells = zip(row.rates, row.followed, row.observed, strict=True)
        for mob, (rate, followed, observed) in enumerate(cells):
            through, ever = last >= mob, late <= mob
            known = through | ever
            assert (followed, observed) == (through.sum(), known.sum())
            if observed < 30 or not through.any() or through.sum() < 0.8 * (~ever | through).sum():
                assert rate is None
                continue
            assert rate == pytest.approx(ever[known].mean())
            told += 1
        assert sum(rate is not None for rate in row.rates) >= 4
    assert told > least


def test_bads_that_are_looked_at_no_more_stay_bad():
    """A hundred accounts, looked at for six months; who goes bad is looked at once more."""
    account, step = (one.ravel() for one in np.mgrid[:100, :6])
    first_bad = np.where(account < 19, 1 + account % 3, 9)
    kept = step <= first_bad + 1
    dpd = np.where(step >= first_bad, 31, 0)
    decided = np.full(100, BEGIN + 4 * DAY)
    observed = decided[account] + (31 * step + 10) * DAY
    (row,) = panel_of(decided, account[kept], observed[kept], dpd[kept]).rows
    shares = [0.0, 0.07, 0.13, 0.19, 0.19, 0.19]
    assert row.rates[:6] == tuple(map(pytest.approx, shares))
    assert row.followed[5] == 81
    assert row.observed[:6] == (100,) * 6


def test_one_look_at_one_account_shows_no_later_month_of_its_cohort(book):
    decided, table, _ = book
    january = int(np.flatnonzero(months_of(decided) == months_of(np.array([BEGIN])))[0])
    more = table._append(
        {"account": january, "observed_us": NOW - 5 * DAY, "dpd": 0}, ignore_index=True
    )
    columns = (more[name].to_numpy(np.int64) for name in ("account", "observed_us", "dpd"))
    row = panel_of(decided, *columns).rows[0]
    assert row.rates[2] is not None
    assert row.rates[7:] == (None,) * len(row.rates[7:])
    assert set(row.followed[7:11]) == {1}
