"""The scorecard in the model's place: signed with it, and its points are the card's own."""

from __future__ import annotations

from hashlib import sha256

import httpx
import msgspec
import numpy as np
import pytest

from finmodel.audit import find
from finmodel.errors import Damaged
from finmodel.export import load_export, write_export
from finmodel.manifest import Scaling
from risk.policy.registry import turn_off
from risk.scorecard.bins import NumericBins
from risk.scorecard.card import encode, points_of, scaled
from serving.flows import replay
from serving.live import served
from serving.steps import scored
from tests.serving.policy_world import AUTHOR, decide_by
from tests.serving.small_world import (
    APPLICATION,
    NAME,
    make_world,
    plan,
    point_to,
    running,
    wait_until,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("card"))


def card_on(name: str, scaling: Scaling):
    bins = NumericBins((0.0,))
    woe = tuple(0.4 * (place - 1) for place in range(len(bins)))
    return scaled("small", (-2.0, ((name, bins, 0.8, woe),)), scaling, 2)


def model_with(world, version: int, card):
    first = load_export(world.settings.exports / NAME / "1", world.settings.signing).manifest
    data = encode(card)
    manifest = msgspec.structs.replace(first, version=version, card_sha256=sha256(data).hexdigest())
    text = world.boosters[1].model_to_string()
    keys = world.settings.signing
    return served(
        load_export(write_export(world.settings.exports, manifest, text, keys, data), keys)
    )


def test_points_are_the_cards_own(world):
    name = plan().names[2]
    card = card_on(name, Scaling())
    model = model_with(world, 11, card)
    for row in (world.features[:1], world.features[10:11], np.full((1, 9), np.nan, np.float32)):
        found = scored(row, model, ("scorecard", "refer"), {"model": "stopped"})
        expected = points_of(card, {name: np.ascontiguousarray(row[:, 2])})[0]
        assert found.step == "scorecard"
        assert found.points == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("version", "name", "scaling", "says"),
    [
        (12, "income", Scaling(), "it reads 'income', which no row has"),
        (13, plan().names[0], Scaling(pdo=60.0), "it is on another scale"),
    ],
)
def test_a_card_that_serving_cannot_read_is_refused(world, version, name, scaling, says):
    with pytest.raises(Damaged, match=says):
        model_with(world, version, card_on(name, scaling))


def wide_card():
    """Every feature of the world, with woe and weight of its own; a bin each for below and above 0,
    and for missing."""
    parts = tuple(
        (name, NumericBins((0.0,)), 0.3 + place / 10, (-0.5, 0.7, 0.2))
        for place, name in enumerate(plan().names)
    )
    return scaled("wide", (-2.0, parts), Scaling(), 2)


def test_its_reasons_are_the_points_below_neutral_summed_by_the_models_groups(world):
    """Against what each bin's points are, added up by hand: WOE 0 is worth 0 points."""
    card, model = wide_card(), model_with(world, 21, wide_card())
    table = {one.name: one.points for one in card.variables}
    for row in (world.features[:1], world.features[10:11], world.features[200:201]):
        found = scored(row, model, ("scorecard", "refer"), {"model": "stopped"})
        lost = {}
        for group in model.manifest.reasons:
            lost[group.code] = 0.0
            for name in group.features:
                value = row[0, plan().names.index(name)]
                place = 2 if np.isnan(value) else int(value >= 0.0)
                lost[group.code] -= table[name][place]
        expected = sorted(((c, p) for c, p in lost.items() if p > 0), key=lambda cp: -cp[1])[:4]
        assert [one.code for one in found.reasons] == [code for code, _ in expected]
        assert [one.points for one in found.reasons] == [round(p, 2) for _, p in expected]
        told = {group.code: (group.zh, group.en) for group in model.manifest.reasons}
        assert all((one.zh, one.en) == told[one.code] for one in found.reasons)
    best = np.full((1, 9), -1.0, np.float32)
    assert scored(best, model, ("scorecard",), {"model": "stopped"}).reasons == ()


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    """A version with a card is champion, and the policy's model is switched off."""
    world = make_world(tmp_path_factory.mktemp("by_card"))
    model_with(world, 3, wide_card())
    point_to(world.settings, 3)
    decide_by(world.settings)
    turn_off(world.settings, "drawdown", ["model"], AUTHOR, "it drifts")
    with running(world.settings) as address, httpx.Client(base_url=address, timeout=20) as client:
        log = world.settings.home / "service.log"
        wait_until(lambda: client.get("/readyz").status_code == 200, 60, log)
        yield world, client


@pytest.mark.servers
def test_a_decision_by_the_card_keeps_its_reasons_and_a_replay_has_them_again(lender):
    world, client = lender
    asked = APPLICATION | {"customer_id": 77}
    answer = client.post("/decide", json=asked, headers=world.headers("underwriter")).json()
    assert answer["policy"]["step"] == "scorecard"
    assert answer["reasons"]
    assert all(reason["zh"] and reason["en"] for reason in answer["reasons"])
    shown = client.get(f"/explain/{answer['decision_id']}", headers=world.headers("auditor")).json()
    assert shown["reasons"] == answer["reasons"]
    assert shown["replay"]["same"], shown["replay"]
    entry = find(world.settings.audit, answer["decision_id"])
    entry.body["reasons"][0][1] += 0.01
    wrong = [one.name for one in replay(entry, world.settings).checks if not one.same]
    assert wrong == ["reasons"]
