"""Plan after plan the holdout is compared with its like: it meets the caps by its ghosts."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest

from marketing.campaign.eligibility import judge, with_risk
from marketing.campaign.expected import treatment_of
from marketing.campaign.lanes import Lane
from marketing.campaign.plan_summary import summary_of
from marketing.campaign.planning import plan_campaign, windows_by_channel
from marketing.campaign.recipe import Explore, Holdout
from marketing.ledger.contacts import contacts_within, new_plan, next_plan, used_by_plans
from marketing.ledger.file import Ledger
from marketing.outcome.measure import Responses
from marketing.outcome.report import Basis, Rows, report_of
from serving.campaigns.folder import Written, contact_list
from tests.marketing.known_response import CHANNELS, case, scores
from tests.marketing.small_campaign import DAY, NOW, shipped, standing

N = 12_000
BUDGET = 400_000


@pytest.fixture(scope="module")
def plans(tmp_path_factory) -> list[Written]:
    """Three plans of one campaign, one after another, each with as much budget more."""
    done = []
    with closing(Ledger(tmp_path_factory.mktemp("ghosts") / "ledger.db")) as ledger:
        for number in (1, 2, 3):
            done.append(planned(ledger, number))
    return done


def planned(ledger: Ledger, number: int) -> Written:
    recipe = shipped(
        holdout=Holdout(0.3, "2026"), explore=Explore(0.05), budget_minor=BUDGET * number
    )
    told, scored, begun = standing(N), scores(N), next_plan(ledger, recipe.name)
    opens = [one.opens_us for one in windows_by_channel(recipe, NOW)]
    span = min(int(one[0]) for one in opens), max(int(one[-1]) for one in opens)
    counts = contacts_within(ledger, told.customer, recipe.caps, span)
    judged = judge(recipe, told, counts, NOW)
    judged = with_risk(judged, recipe, ~scored.there, scored.declined)
    used = used_by_plans(ledger, recipe.name)
    given = case(N, recipe, told, scored, judged=judged, number=number, used=used)
    made = plan_campaign(recipe, given)
    ways = tuple(f"{recipe.offers[o].id}/{recipe.channels[c].name}" for o, c in recipe.pairs)
    about = SimpleNamespace(ways=ways, plan_id=begun.id, policy_version="v", risk_policy="")
    written = Written(recipe, given, scored, made, about)
    with new_plan(ledger, begun) as writing:
        writing.write("v", (NOW, "lin"), written.kept, "entry")
    return written


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """By how many standard errors two means differ."""
    error = np.sqrt(one.var() / len(one) + other.var() / len(other))
    return float(abs(one.mean() - other.mean()) / error)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_in_each_plan_as_many_of_the_holdout_are_chosen_and_of_the_same_uplift(plans, place):
    given, made = plans[place].case, plans[place].made
    ours, held = (given.lanes == lane for lane in (Lane.PLAN, Lane.HOLDOUT))
    chosen = made.actions.planned >= 0
    assert min((chosen & ours).sum(), (chosen & held).sum()) > 100
    assert apart(chosen[ours], chosen[held]) < 3.0
    way = made.actions.planned.clip(min=0)
    uplift = given.expected.uplift[np.arange(N), way]
    assert apart(uplift[chosen & ours], uplift[chosen & held]) < 3.0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_report_is_refused_for_groups_that_differ(plans, place):
    recipe, given, made = plans[place].recipe, plans[place].case, plans[place].made
    scored, actions = plans[place].scores, made.actions
    names = ("score", *(f"effect:{name}" for name in CHANNELS), "points")
    columns = np.column_stack([scored.propensity, scored.effects, scored.points])
    way = actions.planned.clip(min=0)
    moved = given.expected.uplift[np.arange(N), way]
    rows = Rows(
        customer=given.customer,
        lanes=given.lanes,
        action=actions.action,
        planned=actions.planned,
        allowed=given.judged.allowed @ (1 << np.arange(len(recipe.pairs))),
        propensity=actions.propensity,
        opens_us=actions.opens_us,
        uplift=np.where(actions.planned >= 0, moved, 0.0),
        scores=columns.astype(np.float32),
        score_names=names,
    )
    at = np.arange(N), actions.action.clip(min=0)
    chance = scored.propensity + np.where(actions.action >= 0, given.expected.uplift[at], 0.0)
    hit = np.random.default_rng(place).random(N) < chance
    told = Responses(given.customer[hit], actions.opens_us[hit] + DAY)
    effects, summary = tuple(treatment_of(recipe, CHANNELS)), summary_of(recipe, given, made, ())
    basis = Basis(recipe, plans[place].about.ways, effects, summary, "v", NOW + 90 * DAY, {}, None)
    report = report_of(basis, rows, told)
    treated = (given.lanes == Lane.PLAN) & (actions.action >= 0)
    assert report.lift.low <= moved[treated].mean() <= report.lift.high


def test_a_ghost_is_in_no_list(plans):
    for one in plans:
        ghosts = one.kept.lane == Lane.HOLDOUT
        assert ghosts.sum() > 100
        assert len(one.kept) - ghosts.sum() == len(one.contacts)
        told = {int(line.split(b",")[1]) for line in contact_list(one).splitlines()[1:]}
        assert told == set(one.contacts.customer.tolist())
        assert not told & set(one.kept.customer[ghosts].tolist())
