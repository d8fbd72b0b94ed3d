"""What changed while a plan was made: those whom a rule stops now are out of it, nobody else."""

from __future__ import annotations

import numpy as np

from marketing.campaign.eligibility import judge
from marketing.campaign.lanes import Lane
from marketing.campaign.plan_summary import summary_of
from marketing.campaign.planning import plan_campaign
from marketing.campaign.recipe import CHANNELS
from marketing.campaign.withdrawing import concerned, withdraw
from tests.marketing.known_response import case
from tests.marketing.small_campaign import NOW, shipped, standing

N = 3_000
RECIPE = shipped(budget_minor=900_000)


def test_who_opted_out_or_was_contacted_meanwhile_is_out_and_the_others_stay():
    given = case(N, RECIPE)
    made = plan_campaign(RECIPE, given)
    rows = concerned(made)
    n = len(rows)
    random = np.random.default_rng(0)
    opted_out, contacted = random.random(n) < 0.1, random.random(n) < 0.1
    channels = np.ones((n, len(CHANNELS)), bool)
    channels[:, CHANNELS.index("sms")] = random.random(n) > 0.2
    now = standing(n, opted_out=opted_out, channels=channels)
    later = judge(RECIPE, now, contacted[:, None] * np.array([1, 1]), NOW)
    case_now, kept = withdraw(given, made, rows, later)
    way = np.where(made.actions.action >= 0, made.actions.action, made.actions.planned)[rows]
    by_sms = np.array([RECIPE.channels[RECIPE.pairs[w][1]].name == "sms" for w in way])
    lost = opted_out | contacted | (by_sms & ~channels[:, CHANNELS.index("sms")])
    assert 0.15 * n < lost.sum() < 0.6 * n
    gone, stay = rows[lost], np.setdiff1d(np.arange(N), rows[lost])
    assert (kept.actions.action[gone] == -1).all()
    assert (kept.actions.planned[gone] == -1).all()
    assert not case_now.judged.allowed[gone].any()
    np.testing.assert_array_equal(kept.actions.action[stay], made.actions.action[stay])
    np.testing.assert_array_equal(kept.actions.propensity[stay], made.actions.propensity[stay])
    np.testing.assert_array_equal(case_now.judged.allowed[stay], given.judged.allowed[stay])
    reasons = {kept.actions.reason[row] for row in gone}
    assert reasons == {"opted_out", "frequency_cap", "no_channel_consent"}
    assert Lane.HOLDOUT in set(
        given.lanes[gone].tolist()
    )  # the comparison loses them on both sides


def test_figures_are_of_what_is_left():
    given = case(N, RECIPE)
    made = plan_campaign(RECIPE, given)
    rows = concerned(made)
    later = judge(RECIPE, standing(len(rows), opted_out=True), np.zeros((len(rows), 2), int), NOW)
    case_now, kept = withdraw(given, made, rows, later)
    summary = summary_of(RECIPE, case_now, kept)
    assert summary.contacts == 0
    assert summary.not_contacted["opted_out"] == len(rows)
    assert summary.contacts + sum(summary.not_contacted.values()) == N
    assert made.actions.reason != kept.actions.reason  # what was given is as it was
    assert not made.judged.stopped["opted_out"].any()
