"""The scorecard in the model's place: signed with it, and its points are the card's own."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import numpy as np
import pytest

from finmodel.errors import Damaged
from finmodel.export import load_export, write_export
from finmodel.manifest import Scaling
from risk.scorecard.bins import NumericBins
from risk.scorecard.card import encode, points_of, scaled
from serving.live import served
from serving.steps import scored
from tests.serving.small_world import NAME, make_world, plan


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
