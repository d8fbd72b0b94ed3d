"""A report of a campaign whose every effect is known: it finds what was done, and no more."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import msgspec
import numpy as np
import pytest

from finmodel.clock import micros, parse_time
from finmodel.errors import BadInput, NotReady
from finmodel.records import Float64s
from marketing.campaign.expected import treatment_of
from marketing.campaign.lanes import Lane
from marketing.campaign.plan_summary import summary_of
from marketing.campaign.planning import plan_campaign
from marketing.campaign.recipe import Explore, Holdout
from marketing.outcome.measure import Responses
from marketing.outcome.report import Basis, CampaignReport, Rows, report_of
from tests.marketing.known_response import CHANNELS, case, scores
from tests.marketing.small_campaign import DAY, shipped

N = 24_000
AFTER = micros(parse_time("2026-05-20T00:00:00+08:00"))
RECIPE = shipped(
    holdout=Holdout(0.25, "2026"), explore=Explore(0.2), budget_minor=5_400_000, minimum_uplift=0.02
)


@dataclass(frozen=True)
class Known:
    """A campaign as it was, with the truth of it."""

    basis: Basis
    rows: Rows
    told: Responses
    chance: Float64s
    """(n, ways + 1) of a response: of no offer, then of each way."""
    report: CampaignReport


@pytest.fixture(scope="module")
def known() -> Known:
    scored = scores(N, 1)
    given = case(N, RECIPE, scored=scored)
    made = plan_campaign(RECIPE, given)
    effects = tuple(treatment_of(RECIPE, CHANNELS))
    base = scored.propensity[:, None]
    chance = np.clip(np.concatenate([base, base + scored.effects[:, effects]], axis=1), 0, 1)
    random = np.random.default_rng(2)
    rows = np.arange(N)
    hit = random.random(N) < chance[rows, made.actions.action + 1]
    at = made.actions.opens_us + random.integers(0, 30 * DAY, N)
    columns = np.column_stack([scored.propensity, scored.effects, scored.points])
    bits = given.judged.allowed @ (1 << np.arange(len(RECIPE.pairs)))
    way = made.actions.planned.clip(min=0)
    seen = Rows(
        customer=given.customer,
        lanes=given.lanes,
        action=made.actions.action,
        planned=made.actions.planned,
        allowed=bits,
        propensity=made.actions.propensity,
        opens_us=made.actions.opens_us,
        uplift=np.where(made.actions.planned >= 0, given.expected.uplift[rows, way], 0.0),
        scores=columns.astype(np.float32),
        score_names=("score", *(f"effect:{name}" for name in CHANNELS), "points"),
    )
    names = tuple(f"{RECIPE.offers[o].id}/{RECIPE.channels[c].name}" for o, c in RECIPE.pairs)
    summary = summary_of(RECIPE, given, made)
    receipts = {("points", "app", "sent"): 7}
    basis = Basis(RECIPE, names, effects, summary, "abc-1", AFTER, receipts, None)
    told = Responses(given.customer[hit], at[hit])
    return Known(basis, seen, told, chance, report_of(basis, seen, told))


def test_the_lift_is_what_the_contacts_did(known):
    rows, report = known.rows, known.report
    treated = np.flatnonzero((rows.lanes == Lane.PLAN) & (rows.planned >= 0))
    moved = known.chance[treated, rows.action[treated] + 1] - known.chance[treated, 0]
    truth = float(moved.mean())
    assert report.lift.treated == len(treated)
    assert truth > 0.05
    for found in (report.lift, report.adjusted):
        assert found.low <= truth <= found.high
        assert found.low > 0.0
    assert report.adjusted.high - report.adjusted.low < report.lift.high - report.lift.low
    more = report.earned.responses_more
    assert more.low <= moved.sum() <= more.high


def test_what_was_earned_is_near_what_was_expected(known):
    earned = known.report.earned
    assert earned.gain_minor.low <= earned.expected_gain_minor <= earned.gain_minor.high
    assert 0 < earned.spent_minor < RECIPE.budget_minor


def test_every_policys_estimates_hold_its_value(known):
    """Eleven policies × two estimates of 95 %: one or two may miss, not three."""
    rows = known.rows
    at = np.isin(rows.lanes, (Lane.PLAN, Lane.EXPLORE)) & (rows.allowed > 0)
    chance, planned = known.chance[at], rows.planned[at]
    allowed = (rows.allowed[at, None] >> np.arange(len(RECIPE.pairs)) & 1).astype(bool)
    place = np.arange(len(planned))
    truth = {"plan": chance[place, planned + 1].mean(), "nothing": chance[:, 0].mean()}
    may = np.concatenate([np.ones((len(planned), 1), bool), allowed], axis=1)
    truth["by lot"] = ((chance * may).sum(axis=1) / may.sum(axis=1)).mean()
    for way, name in enumerate(known.basis.ways):
        truth[name] = np.where(allowed[:, way], chance[:, way + 1], chance[:, 0]).mean()
    told = {one.policy: one for one in known.report.policies}
    assert told.keys() == truth.keys()
    found = [(one, truth[p]) for p, v in told.items() for one in (v.snips, v.doubly_robust)]
    assert sum(not one.low <= value <= one.high for one, value in found) <= 2
    assert truth["plan"] > truth["by lot"] > truth["nothing"]
    assert told["plan"].doubly_robust.low > told["nothing"].doubly_robust.high
    assert not told["plan"].too_few


def test_the_order_by_expected_uplift_parts_customers(known):
    report = known.report
    assert report.figures["qini"].low > 0.0
    assert report.deciles[0].uplift > report.deciles[-1].uplift + 0.05
    assert len(report.curve) == 101
    assert sum(one.treated + one.control for one in report.deciles) == report.matured


def test_ways_tell_contacts_receipts_and_a_lift_where_there_are_enough(known):
    ways = {(one.offer, one.channel): one for one in known.report.ways}
    assert sum(one.contacts for one in ways.values()) == known.basis.summary.contacts
    assert ways["points", "app"].receipts == {"sent": 7}
    counted = [one.lift for one in ways.values() if one.lift is not None]
    assert sum(one.treated for one in counted) > 0.9 * known.report.lift.treated


def test_only_what_has_matured_is_counted(known):
    early = replace(known.basis, now_us=int(np.median(known.rows.opens_us)) + 30 * DAY)
    found = report_of(early, known.rows, known.told)
    compared = found.matured + found.not_matured
    assert compared == known.report.matured
    assert 0.3 * compared < found.matured < 0.7 * compared
    assert found.lift.low <= known.report.lift.lift <= found.lift.high


def test_a_campaign_of_which_nothing_has_matured_is_refused(known):
    early = replace(known.basis, now_us=micros(parse_time("2026-05-01T00:00:00+08:00")))
    with pytest.raises(NotReady, match="drawdown_spring, plan 1: no outcome of its plan lane has"):
        report_of(early, known.rows, known.told)
    with pytest.raises(NotReady, match="the first does on 2026-05-06; ask then"):
        report_of(early, known.rows, known.told)


def test_lanes_that_somebody_changed_are_told_by_how_much(known):
    lanes = known.rows.lanes.copy()
    lanes[(lanes == Lane.HOLDOUT) & (known.rows.scores[:, 0] > 0.2)] = Lane.PLAN
    with pytest.raises(BadInput, match=r"holdout differ before the campaign: score by \+\d"):
        report_of(known.basis, replace(known.rows, lanes=lanes), known.told)


def test_drift_is_told_beside_the_plan_before(known):
    assert known.report.drift == ()
    moved = known.rows.scores + np.float32([0.1, 0, 0, 0, 0])
    told = report_of(replace(known.basis, before=moved), known.rows, known.told).drift
    assert [one.score for one in told] == list(known.rows.score_names)
    assert told[0].shift.status == "shifted"
    assert max(one.shift.psi for one in told[1:]) == 0.0


def test_a_report_is_kept_as_json_and_read_back(known):
    told = msgspec.json.encode(known.report)
    assert msgspec.json.decode(told, type=CampaignReport) == known.report


def only(rows: Rows, kept: np.ndarray) -> Rows:
    told = {one.name: getattr(rows, one.name) for one in fields(rows)}
    return replace(rows, **{k: v[kept] for k, v in told.items() if k != "score_names"})


def some_of(rows: Rows, treated: int, control: int, seed: int = 0) -> Rows:
    """So many compared customers of each group, drawn anew."""
    random = np.random.default_rng(seed)
    groups = [
        random.choice(np.flatnonzero((rows.lanes == lane) & (rows.planned >= 0)), n, False)
        for lane, n in ((Lane.PLAN, treated), (Lane.HOLDOUT, control))
    ]
    return only(rows, np.sort(np.concatenate(groups)))


def read_back(report: CampaignReport) -> CampaignReport:
    """As the page reads it; msgspec writes NaN as null, which no field of numbers takes."""
    found = msgspec.json.decode(msgspec.json.encode(report), type=CampaignReport)
    assert found == report
    return found


def test_a_campaign_without_a_risk_model_has_a_report_that_can_be_read_back(known):
    scores_ = known.rows.scores.copy()
    scores_[:, -1] = np.nan
    rows = replace(known.rows, scores=scores_)
    report = read_back(report_of(replace(known.basis, before=scores_), rows, known.told))
    names = set(known.rows.score_names) - {"points"}
    assert {one.name for one in report.balance} == names
    assert {one.score for one in report.drift} == names
    first = report_of(replace(known.basis, before=known.rows.scores), rows, known.told)
    assert {one.score for one in read_back(first).drift} == names


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("treated", "control"), [(300, 3), (2, 2), (600, 1), (1, 40), (300, 19), (19, 300)]
)
def test_few_customers_have_a_plain_lift_and_nothing_that_claims_more(known, treated, control):
    report = read_back(report_of(known.basis, some_of(known.rows, treated, control), known.told))
    assert (report.lift.treated, report.lift.control) == (treated, control)
    assert report.lift.low < report.lift.lift < report.lift.high
    assert report.adjusted is None
    assert (report.earned.responses_more, report.earned.gain_minor) == (None, None)
    assert report.earned.spent_minor > 0.0
    assert {(one.low, one.high) for one in report.figures.values()} == {(None, None)}
    assert {(one.low, one.high) for one in report.curve} == {(None, None)}


@pytest.mark.parametrize("seed", range(5))
def test_the_shipped_holdout_of_a_small_campaign_has_one_too(known, seed):
    rows = some_of(known.rows, 475, 25, seed)
    report = read_back(report_of(known.basis, rows, known.told))
    assert report.figures["qini"].low <= report.figures["qini"].value
    assert report.earned.gain_minor.low < report.earned.gain_minor.high
    few = [report.figures[f"uplift@{x}%"] for x in (10, 20, 30)]
    assert {(one.low, one.high) for one in few} == {(None, None)}  # of about 2, 5 and 7 held out
