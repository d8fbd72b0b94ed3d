"""Each rule stops whom it should, alone, and says so; many customers are judged as one is."""

from __future__ import annotations

import numpy as np
import pytest

from finmodel.clock import micros, parse_time
from marketing.campaign.eligibility import (
    RULES,
    judge,
    with_holdout,
    with_risk,
    without_shut,
    worth_it,
)
from marketing.campaign.recipe import CHANNELS
from tests.marketing.small_campaign import DAY, NOW, shipped, standing

RECIPE = shipped()
PAIRS = len(RECIPE.pairs)


def no_contacts(customers: int) -> np.ndarray:
    return np.zeros((customers, len(RECIPE.caps)), np.int64)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"opted_out": True}, "opted_out"),
        ({"consent": False}, "no_consent"),
        ({"open_complaint": True}, "open_complaint"),
        ({"overdue": True}, "overdue"),
        ({"student": True}, "student"),
        ({"declined_us": NOW - 89 * DAY}, "recently_declined"),
    ],
)
def test_each_standing_stops_by_its_own_rule(change, rule):
    judged = judge(RECIPE, standing(3, **change), no_contacts(3), NOW)
    assert [one.id for one in judged.of(0)] == [rule]
    assert judged.first() == [rule] * 3
    assert not judged.allowed.any()
    assert judged.counts()[rule] == 3
    assert sum(judged.counts().values()) == 3


def test_whom_nothing_stops_may_get_everything():
    judged = judge(RECIPE, standing(2, declined_us=NOW - 91 * DAY), no_contacts(2), NOW)
    assert judged.allowed.all()
    assert judged.first() == ["", ""]
    assert judged.of(0) == []


@pytest.mark.parametrize(("counts", "stopped"), [([0, 2], False), ([1, 0], True), ([0, 3], True)])
def test_a_cap_that_is_reached_stops(counts, stopped):
    judged = judge(RECIPE, standing(1), np.array([counts]), NOW)
    assert bool(judged.stopped["frequency_cap"][0]) is stopped


def test_consent_is_asked_channel_by_channel():
    channels = np.ones((1, len(CHANNELS)), bool)
    channels[0, CHANNELS.index("sms")] = False
    judged = judge(RECIPE, standing(1, channels=channels), no_contacts(1), NOW)
    ways = {
        RECIPE.channels[c].name for p, (_, c) in enumerate(RECIPE.pairs) if judged.allowed[0, p]
    }
    assert ways == {"app", "push"}
    none = judge(RECIPE, standing(1, channels=False), no_contacts(1), NOW)
    assert [one.id for one in none.of(0)] == ["no_channel_consent"]


def test_who_opted_out_of_personalisation_may_get_the_uniform_offer_alone():
    judged = judge(RECIPE, standing(1, personalised=False), no_contacts(1), NOW)
    left = [RECIPE.pairs[place] for place in np.flatnonzero(judged.allowed[0])]
    assert [(RECIPE.offers[o].id, RECIPE.channels[c].name) for o, c in left] == [("points", "app")]
    nothing = judge(
        shipped(unpersonalised=None), standing(1, personalised=False), no_contacts(1), NOW
    )
    assert [one.id for one in nothing.of(0)] == ["unpersonalised"]


def test_risk_vetoes_credit_and_nothing_else():
    judged = judge(RECIPE, standing(2), no_contacts(2), NOW)
    told = with_risk(judged, RECIPE, np.array([False, True]), np.array([True, False]))
    left = {RECIPE.offers[RECIPE.pairs[place][0]].id for place in np.flatnonzero(told.allowed[0])}
    assert left == {"points"}
    assert [one.id for one in told.of(1)] == ["not_scored"]


def test_whom_risk_refuses_credit_is_counted_though_other_offers_are_left():
    told = standing(5, opted_out=[False, False, False, False, True])
    declined = np.array([True, True, False, True, True])
    judged = with_risk(
        judge(RECIPE, told, no_contacts(5), NOW), RECIPE, np.zeros(5, bool), declined
    )
    assert judged.allowed[:4].any(axis=1).all()
    assert judged.counts()["risk_declines"] == 3  # who opted out is not even scored
    impersonal = judge(RECIPE, standing(3, personalised=False), no_contacts(3), NOW)
    assert impersonal.counts()["unpersonalised"] == 3
    assert impersonal.first() == [""] * 3


def test_uplift_and_gain_are_asked_of_each_way():
    judged = judge(RECIPE, standing(1), no_contacts(1), NOW)
    uplift, gain = np.full((1, PAIRS), 0.01), np.ones((1, PAIRS))
    uplift[0, 0], gain[0, 1] = 0.004, 0.0
    scored = np.ones(1, bool)
    told = worth_it(judged, scored, uplift, gain, RECIPE.minimum_uplift)
    assert np.flatnonzero(~told.allowed[0]).tolist() == [0, 1]
    assert told.of(0) == []
    little = worth_it(judged, scored, uplift * 0.1, gain, RECIPE.minimum_uplift)
    assert little.first() == ["minimum_uplift"]
    assert little.counts()["minimum_uplift"] == 1
    unknown = worth_it(judged, ~scored, uplift * 0.1, gain * 0.0, RECIPE.minimum_uplift)
    assert (unknown.counts()["minimum_uplift"], unknown.counts()["no_gain"]) == (0, 0)


def test_a_rule_counts_whom_it_takes_the_last_way_that_others_left():
    """Neither consents to text messages: with app and push shut nothing is left of one."""
    channels = np.ones((2, len(CHANNELS)), bool)
    channels[0, CHANNELS.index("sms")] = False
    judged = judge(RECIPE, standing(2, channels=channels), no_contacts(2), NOW)
    shut = without_shut(judged, RECIPE, [one.name != "sms" for one in RECIPE.channels])
    assert shut.first() == ["quiet_hours", ""]
    assert (shut.counts()["no_channel_consent"], shut.counts()["quiet_hours"]) == (0, 1)


@pytest.mark.parametrize(
    ("hour", "open_ways"), [("03", set()), ("20", {"app", "push"}), ("10", {"app", "push", "sms"})]
)
def test_an_offer_at_once_keeps_the_quiet_hours(hour, open_ways):
    at = micros(parse_time(f"2026-04-07T{hour}:30:00+08:00"))
    judged = judge(RECIPE, standing(1), no_contacts(1), NOW, at)
    ways = {
        RECIPE.channels[c].name for p, (_, c) in enumerate(RECIPE.pairs) if judged.allowed[0, p]
    }
    assert ways == open_ways
    assert ("quiet_hours" in [one.id for one in judged.of(0)]) == (not open_ways)


def test_many_are_judged_as_each_is_alone():
    random = np.random.default_rng(3)
    n = 60
    many = standing(
        n,
        channels=random.random((n, 4)) < 0.6,
        **{name: random.random(n) < 0.15 for name in ("opted_out", "overdue", "student")},
        personalised=random.random(n) < 0.8,
    )
    contacts = random.integers(0, 2, (n, 2))
    risk, lacking = random.random(n) < 0.3, random.random(n) < 0.1
    judged = with_risk(
        with_holdout(judge(RECIPE, many, contacts, NOW), random.random(n) < 0.1),
        RECIPE,
        lacking,
        risk,
    )
    first = judged.first()
    for row in range(n):
        told = [one.id for one in judged.of(row)]
        if told:
            assert first[row] == told[0]
        assert (first[row] == "") == bool(judged.allowed[row].any())
    assert judged.free.sum() < n


def test_every_rule_has_both_sentences():
    assert all(rule.zh and rule.en for rule in RULES.values())
    assert len(RULES) >= 15
