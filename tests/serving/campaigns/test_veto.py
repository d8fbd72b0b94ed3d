"""Whom risk declines credit in a campaign is whom `/decide` declines, by whichever policy is in."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from feature_store.online_reader import open_features
from finmodel.errors import Damaged
from finmodel.export import ExportedModel, load_export
from finmodel.manifest import Policy
from finmodel.records import FeatureBatch
from risk import scaling
from risk.policy.registry import turn_off, turn_on
from risk.policy.versions import active_path, load_version
from serving.campaigns.veto import Veto, declined_by_card, open_veto
from serving.in_force import POLICY, in_force
from serving.judgement import Asked, judge
from serving.live import Served, served
from tests.marketing.small_campaign import shipped
from tests.serving.policy_world import APPROVER, AUTHOR, TERMS, decide_by
from tests.serving.small_world import CUSTOMERS, NAME, World, make_world, plan
from tests.serving.test_steps import Card

RECIPE = shipped()
"""Two offers of credit and one of none, all of the product cash_loan."""
REQUEST = {"product": "cash_loan", "channel": "app", "amount_minor": 100_000, "term_months": 12}
HIGHER = {
    "cash_loan": {
        "bands": [
            {"code": "A", "at_least": 560, "then": "approve", **TERMS},
            {"code": "B", "at_least": 530, "below": 560, "then": "refer"},
            {"code": "C", "below": 530, "then": "decline"},
        ]
    }
}


@pytest.fixture
def world(tmp_path) -> World:
    return make_world(tmp_path)


def card_of(world: World) -> ExportedModel:
    return load_export(world.settings.exports / NAME / "1", world.settings.signing)


def features(world: World) -> FeatureBatch:
    """All customers', and of one more whom no view knows."""
    with closing(open_features(world.settings)) as reader:
        return reader.fetch(np.arange(1, CUSTOMERS + 2), plan(), world.settings.clock.now())


def points_of(world: World, batch: FeatureBatch) -> np.ndarray:
    raw = world.boosters[1].predict(batch.matrix, raw_score=True, num_threads=1)
    return scaling.points_many(0.05 + 1.1 * raw, card_of(world).manifest.scaling)


def by_decide(model: Served, batch: FeatureBatch, off=()) -> np.ndarray:
    """Who is declined by the code of `/decide`, one by one; the lane by lot draws nobody."""
    asked = Asked(REQUEST, drawn=0.999, off=dict.fromkeys(off, "a test"))
    told = [
        judge(batch.matrix[row : row + 1], batch.states[row], model, asked).ruling.answer
        for row in range(len(batch.matrix))
    ]
    return np.array(told) == "decline"


def served_by(world: World, version: int | None, card: Card | None = None) -> Served:
    model, here = served(card_of(world)), world.settings
    if version is None:
        return model
    found = load_version(here.policies, POLICY, version, here.signing)
    force = in_force(found, model.manifest, model.views, None)
    return replace(model, policy=force, card=card)


def opened(world: World) -> Veto:
    found = open_veto(world.settings, RECIPE, card_of(world))
    assert found is not None
    return found


def test_until_a_policy_is_approved_the_cards_own_cut_offs_decide(world):
    batch, veto = features(world), opened(world)
    points = points_of(world, batch)
    told = veto.declines(batch, points)
    assert veto.name == f"{NAME} 1"
    assert told.shape == (CUSTOMERS + 1, len(RECIPE.pairs))
    assert (told == told[:, :1]).all()
    np.testing.assert_array_equal(told[:, 0], points < 515.0)
    points[:2] = np.nan
    assert veto.declines(batch, points)[:2].all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"products": HIGHER},
        {"views": {"stale": "decline", "missing": "refer"}},
        {"views": {"stale": "allow", "missing": "decline"}, "rules": None},
        {"views": {"stale": "refer", "missing": "decline", "optional": ["lateness"]}},
    ],
)
def test_the_policy_in_force_declines_whom_decide_declines(world, changes):
    batch = features(world)
    points = points_of(world, batch)
    version = decide_by(world.settings, **changes)
    veto = opened(world)
    expected = by_decide(served_by(world, version), batch)
    assert 5 < expected.sum() < CUSTOMERS
    assert veto.name == f"drawdown {version}"
    # Who is referred for a stale view is offered no credit either where the points are too low.
    low = points < (530.0 if "products" in changes else 515.0)
    np.testing.assert_array_equal(veto.declines(batch, points)[:, 0], expected | low)
    assert (expected & ~low).sum() > 3 or "products" in changes
    own = replace(veto, policy=None).declines(batch, points)
    assert (own[:, 0] != expected).sum() > 3  # the card alone would have said otherwise


def test_a_rule_on_what_only_an_application_says_is_not_asked_of_an_offer(world):
    rules = [
        {
            "code": "H9",
            "zh": "没有征信分",
            "en": "No bureau score",
            "when": [{"request": "bureau_score", "missing": True}],
            "then": "decline",
        }
    ]
    batch = features(world)
    decide_by(world.settings, rules=rules)
    points = points_of(world, batch)
    np.testing.assert_array_equal(opened(world).declines(batch, points)[:, 0], points < 515.0)


def test_a_product_that_the_policy_does_not_name_is_declined_to_all(world):
    decide_by(world.settings, products={"instalment": HIGHER["cash_loan"]}, rules=None)
    batch = features(world)
    assert opened(world).declines(batch, points_of(world, batch)).all()


def test_products_are_asked_each_by_its_own_bands(world):
    shared = decide_by(
        world.settings, products={**HIGHER, "instalment": HIGHER["cash_loan"]}, rules=None
    )
    batch, veto = features(world), opened(world)
    assert veto.name == f"drawdown {shared}"
    two = replace(veto, products=("cash_loan", "cash_advance", "instalment"))
    told = two.declines(batch, points_of(world, batch))
    np.testing.assert_array_equal(told[:, 0], told[:, 2])
    assert told[:, 1].all()
    assert not told[:, 0].all()


def test_where_the_model_is_switched_off_the_scorecard_says_or_nobody_is_cleared(world):
    version = decide_by(world.settings, rules=None)
    batch = features(world)
    points = points_of(world, batch)
    turn_off(world.settings, POLICY, ("model",), AUTHOR, "it drifts")
    veto = opened(world)
    assert veto.declines(batch, points).all()
    for log_odds in (-6.0, 2.0):
        card = Card(log_odds)
        expected = by_decide(served_by(world, version, card), batch, off=("model",))
        found = replace(veto, card=card).declines(batch, points)[:, 0]
        seen = np.arange(CUSTOMERS + 1) >= 20  # the first twenty lack a view, the last has none
        seen[-1] = False
        np.testing.assert_array_equal(found[seen], expected[seen])
        assert found.all() == (log_odds > 0.0)
    turn_on(world.settings, POLICY, APPROVER, "mended")
    assert not opened(world).declines(batch, points).all()


def test_a_policy_for_another_card_says_nothing_of_this_one(world):
    decide_by(world.settings)
    card = card_of(world)
    named = msgspec.structs.replace(card.manifest, name="application_risk")
    other = replace(card, manifest=named)
    found = open_veto(world.settings, RECIPE, other)
    assert found is not None
    assert (found.name, found.policy) == ("application_risk 1", None)


def test_a_lost_policy_is_not_replaced_by_the_cards_own_cut_offs(world):
    decide_by(world.settings)
    active_path(world.settings.policies, POLICY).unlink()
    with pytest.raises(Damaged, match="policy drawdown: which version decides cannot be read"):
        open_veto(world.settings, RECIPE, card_of(world))


@pytest.mark.parametrize("optional", [(), ("lateness",)])
@pytest.mark.parametrize("outcome", ["decline", "refer"])
def test_what_a_card_says_of_views_holds_too(world, outcome, optional):
    own = Policy(540.0, 515.0, stale=outcome, missing=outcome, optional_views=optional)
    batch = features(world)
    model = served_by(world, None)
    changed = replace(model, manifest=msgspec.structs.replace(model.manifest, policy=own))
    expected = by_decide(changed, batch)
    found = declined_by_card(own, batch, points_of(world, batch))
    if outcome == "decline":
        np.testing.assert_array_equal(found, expected)
        assert found[:10].all()  # whose balance is stale
        assert found[10:20].all() == (not optional)
    else:  # `/decide` has a person look, whatever the points; points too low decline all the same
        assert (found & ~expected)[:20].any()
