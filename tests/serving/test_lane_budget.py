"""The lane by lot under a day's cap: decided by the real flow, logged, replayed and simulated."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from finmodel.audit import scan
from finmodel.clock import micros, parse_time
from risk.policy.lot_budget import day_of
from serving.decision_history import Window
from serving.desk import open_desk
from serving.flows import decide, replay
from serving.lane_budget import spent_on
from serving.schemas import Application
from serving.screen import Progress
from serving.simulation import simulate
from serving.telemetry import Telemetry
from tests.serving.policy_world import AUTHOR, WORLDS_POLICY, decide_by, write_policy
from tests.serving.small_world import APPLICATION, CLOCK, make_world, wait_until

LANE = WORLDS_POLICY["random_approve"] | {"share_bps": 5_000, "most_a_day": 4}
SAME = {"rules": [], "challenger": None, "random_approve": LANE}
NEXT_DAY = "2005-10-02T00:00:00+08:00"
SPAN = Window(parse_time("2005-09-30T00:00:00+08:00"), parse_time("2005-10-03T00:00:00+08:00"))


def decided(settings, customers, **changes):
    """One after the other, as the service decides them; then the desk is closed."""

    async def decide_all(desk):
        asked = [
            APPLICATION | {"customer_id": one, "application_id": f"A-{one}"} | changes
            for one in customers
        ]
        return [await decide(msgspec.convert(one, Application), AUTHOR, desk) for one in asked]

    with open_desk(settings, Telemetry()) as desk:
        wait_until(lambda: desk.live.serving is not None, 60)
        return asyncio.run(decide_all(desk))


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    world = make_world(tmp_path_factory.mktemp("lane"))
    decide_by(world.settings, **SAME)
    first = decided(world.settings, range(21, 121))
    after = decided(world.settings, range(121, 161))
    tomorrow = decided(replace(world.settings, standing_clock=NEXT_DAY), range(161, 221))
    return world, first, after, tomorrow


def by_lot(answers) -> int:
    return sum(one.policy.lane == "random_approve" for one in answers)


def test_no_more_than_the_cap_are_approved_by_lot_on_one_day(lender):
    _, first, after, tomorrow = lender
    assert (by_lot(first), by_lot(tomorrow)) == (4, 4)
    assert by_lot(after) == 0, "a service that starts anew has read what its log holds of today"


def test_propensity_is_the_share_while_the_lane_is_open_and_then_nothing(lender):
    _, first, after, _ = lender
    points = [one for one in first if one.policy.band == "C" and one.points >= 440]
    shut = next(n for n, _ in enumerate(points) if by_lot(points[: n + 1]) == 4)
    assert len(points) > shut + 2 > 4
    assert {one.policy.propensity for one in points[: shut + 1]} == {0.5}
    later = points[shut + 1 :] + [one for one in after if one.policy.band == "C"]
    assert {(one.decision, one.policy.propensity) for one in later} == {("decline", 0.0)}


def test_each_comes_out_the_same_again_whatever_the_day_holds_now(lender):
    world, *_ = lender
    entries = list(scan(world.settings.audit, "decision"))
    assert len(entries) == 200
    assert {one.body["policy"]["lane_open"] for one in entries} == {True, False}
    assert all(replay(one, world.settings).same for one in entries)
    (entry, *_) = [one for one in entries if one.body["policy"]["lane"] == "random_approve"]
    entry.body["policy"]["lane_open"] = False
    assert not replay(entry, world.settings).same


def test_the_log_tells_what_a_day_has_spent(lender):
    world, *_ = lender
    for time in (CLOCK, NEXT_DAY):
        spent = spent_on(world.settings.audit, day_of(micros(parse_time(time))))
        assert (spent.count, spent.minor) == (4, 4 * 500_000)
    assert spent_on(world.settings.audit, 0).count == 0
    assert spent_on(world.settings.home / "nowhere", 0).count == 0


def simulated(world, folder, **lane):
    settings = replace(world.settings, key=world.keys["analyst"])
    file = write_policy(folder, **SAME | {"random_approve": LANE | lane})
    return simulate(settings, file, SPAN, (None, folder / "who.csv"), Progress()).figures


def test_a_simulation_keeps_the_cap_day_by_day(lender, tmp_path):
    world, *_ = lender
    same = simulated(world, tmp_path)
    assert (same.changes, same.by_lot_was, same.by_lot_now) == ({}, 8, 8)
    assert simulated(world, tmp_path, most_a_day=1).by_lot_now == 2
    lent = simulated(world, tmp_path, most_a_day=None, most_minor_a_day=1_500_000)
    assert lent.by_lot_now == 6, "three of 500,000 on each of two days"
    assert simulated(world, tmp_path, most_a_day=None).by_lot_now > 20
