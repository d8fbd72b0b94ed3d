"""Campaigns run customer by customer: never over a limit, and near the optimum known afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from benchmarks._campaign import campaign
from finmodel.clock import micros, parse_time
from finmodel.errors import BadInput
from marketing.allocation.allocate import Plan, allocate
from marketing.allocation.options import Limits, Options
from marketing.campaign.pacing import Pace, Pacing, elapsed_of
from tests.marketing.small_campaign import shipped

N = 20_000


@dataclass(frozen=True)
class Day:
    """Customers in the order in which they come, and the best that could be done with them."""

    options: Options
    limits: Limits
    best: Plan


@cache
def day(seed: int = 0) -> Day:
    options, limits = campaign(N, seed)
    return Day(options, limits, allocate(options, limits, 1e-4))


@cache
def forecast() -> Plan:
    """The plan of a quarter as many other customers."""
    return allocate(*campaign(N // 4, 50), close=1e-4)


def run(options: Options, limits: Limits, pacing: Pacing) -> tuple[float, np.ndarray]:
    """What is gained and used where each customer chooses as offers at once do."""
    used, gained = np.zeros(len(limits.together)), 0.0
    offer, first = options.places
    pace = Pace(pacing, used, 0.0)
    for i in range(len(options)):
        pace.elapsed = i / len(options)
        best = pace.turn(options, i).best
        if best >= 0:
            pace.take(options, i, best)
            gained += options.gain[i, best]
            ways = [offer[best], first + options.channel[i, best]]
            used += np.bincount(ways, minlength=len(used))
            used[0] += options.cost[i, best]
    return gained, used


@pytest.mark.parametrize("start", ["its own plan's", "a forecast's", "a third too high"])
def test_nearly_all_is_gained_that_could_have_been(start):
    prices = {
        "its own plan's": day().best.price,
        "a forecast's": forecast().price,
        "a third too high": day().best.price * 1.33,
    }
    limits = day().limits
    pacing = Pacing(prices[start], limits.together, day().best.value)
    gained, used = run(day().options, limits, pacing)
    assert (used <= limits.together * (1 + 1e-12)).all()
    assert gained >= 0.98 * day().best.value
    assert gained <= day().best.bound


def test_prices_that_stay_gain_much_less_where_they_were_wrong():
    limits = day().limits
    pacing = Pacing(day().best.price * 1.33, limits.together, day().best.value)
    still, _ = run(day().options, limits, replace(pacing, eagerness=0.0))
    assert still < 0.7 * day().best.value


def test_where_customers_change_no_limit_breaks_and_prices_follow():
    """In the second half everybody gains twice as much, which no price knew."""
    options, limits = day().options, day().limits
    late = np.arange(N) >= N // 2
    changed = replace(options, gain=np.where(late[:, None], 2.0, 1.0) * options.gain)
    pacing = Pacing(day().best.price, limits.together, day().best.value)
    gained, used = run(changed, limits, pacing)
    assert (used <= limits.together * (1 + 1e-12)).all()
    still, _ = run(changed, limits, replace(pacing, eagerness=0.0))
    assert gained > 1.02 * still
    assert gained >= 0.85 * allocate(changed, limits, 1e-4).value


def test_prices_that_begin_at_nothing_never_overspend():
    limits = day().limits
    pacing = Pacing(np.zeros(len(limits.together)), limits.together, day().best.value)
    gained, used = run(day().options, limits, pacing)
    assert (used <= limits.together * (1 + 1e-12)).all()
    assert gained >= 0.9 * day().best.value


def test_what_is_ahead_of_its_pace_grows_dearer_and_what_has_no_limit_costs_nothing():
    pacing = Pacing(np.array([1.0, 0.5, 0.0]), np.array([100.0, 10.0, np.inf]), 200.0)
    due = pacing.price(np.array([50.0, 5.0, 7.0]), 0.5)
    ahead = pacing.price(np.array([60.0, 5.0, 7.0]), 0.5)
    behind = pacing.price(np.array([50.0, 4.0, 7.0]), 0.5)
    assert due.tolist() == [1.0, 0.5, 0.0]
    assert ahead[0] > due[0] > pacing.price(np.array([40.0, 5.0, 7.0]), 0.5)[0]
    assert behind[1] < due[1]
    assert ahead[2] == behind[2] == 0.0


def test_prices_and_limits_must_be_of_one_campaign():
    with pytest.raises(BadInput, match="pacing: there is not one price for each limit"):
        Pacing(np.zeros(3), np.ones(4), 1.0)


@pytest.mark.parametrize(
    ("at", "share"),
    [("2026-04-05", 0.0), ("2026-04-06", 0.0), ("2026-04-13", 0.5), ("2026-05-01", 1.0)],
)
def test_a_campaign_is_over_by_its_own_clocks(at, share):
    now = micros(parse_time(f"{at}T00:00:00+08:00"))
    assert elapsed_of(shipped(), now) == pytest.approx(share)
