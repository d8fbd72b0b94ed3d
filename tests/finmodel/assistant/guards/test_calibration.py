"""A calibration makes categories alarm equally rarely, for the weights that it was made for."""

import msgspec
import numpy as np
import pytest

from finmodel.assistant.guards.calibration import (
    GRAVE,
    LEAST,
    calibrate,
    calibrated,
    is_ordinary,
    log_odds,
)
from finmodel.assistant.guards.classifier import INBOUND, NOTHING, SHORTEST, load_classifier
from finmodel.assistant.guards.inbound import asked
from finmodel.assistant.guards.normal import normalise
from finmodel.errors import BadInput, Damaged
from finmodel.lender.talk.attacks import attacks, harmless

WEIGHTS = "of this release"


@pytest.fixture(scope="module")
def model():
    return load_classifier(INBOUND)


@pytest.fixture(scope="module")
def ordinary():
    """What a lender's customers ask whose daily topic is merchants and refunds."""
    every = [text for text, _ in harmless("inbound", 4, 7)]
    words = ("商家", "退款", "收款", "店")
    merchants = [text for text in every if any(word in text for word in words)]
    some = every[:: len(every) // 800]
    return [text for text in dict.fromkeys([*some, *merchants]) if is_ordinary(text)]


@pytest.fixture(scope="module")
def found(model, ordinary):
    return calibrate(model, WEIGHTS, ordinary, 0.01)


def test_so_many_ordinary_messages_are_told_as_were_asked_for(model, ordinary, found):
    mine = calibrated(model, WEIGHTS, found)
    told = np.mean([mine.tells(text) is not None for text in ordinary])
    assert told == pytest.approx(0.01, abs=0.004)
    assert found.told == pytest.approx(0.01, abs=0.002)
    weighed = {normalise(text).text for text in ordinary}
    assert found.messages == sum(len(text) >= SHORTEST for text in weighed)


def test_each_category_is_equally_rare_unless_an_offset_would_be_too_large(model, ordinary, found):
    mine = calibrated(model, WEIGHTS, found)
    odds = np.array([log_odds(mine, normalise(text).text) for text in ordinary])
    rare = np.quantile(odds, 0.997, axis=0)
    free = np.abs(list(found.offsets.values())) < 3.0
    assert free.sum() > 20
    assert np.ptp(rare[free]) < 0.3
    assert np.abs(list(found.offsets.values())).max() <= 3.0


def test_more_attacks_are_found_among_as_few_false_alarms(model, ordinary, found):
    """Of families that neither rules nor weights were made from."""
    cases = list(attacks("inbound", "held_out", 20))
    mine = calibrated(model, WEIGHTS, found)

    def recall(one):
        likely = [one.likely(normalise(text).text)[1] for text in ordinary]
        edge = np.quantile(likely, 0.99)
        found_in = [one.likely(normalise("".join(case.turns)).text)[1] > edge for case in cases]
        return np.mean(found_in)

    assert recall(mine) > recall(model)


def test_a_rule_is_told_whatever_the_classifier_thinks(model, found):
    silent = calibrated(model, WEIGHTS, found)
    (one,) = asked("我要投素你们", model=silent)
    assert (one.intent, one.by) == ("complaint", "rule")


def test_a_message_goes_by_the_given_classifier(model, ordinary):
    eager = calibrated(model, WEIGHTS, calibrate(model, WEIGHTS, ordinary, 0.1))
    told = [text for text in ordinary if asked(text, model=eager) and not asked(text)]
    assert told
    assert {one.by for one in asked(told[0], model=eager)} == {"classifier"}
    assert asked("嗯，" * 600 + told[0], model=eager)


def test_of_other_weights_it_is_refused(model, found):
    with pytest.raises(Damaged, match="another release"):
        calibrated(model, "of the next release", found)
    strange = msgspec.structs.replace(found, offsets={"a": 1.0})
    with pytest.raises(Damaged, match="another release"):
        calibrated(model, WEIGHTS, strange)
    assert set(found.offsets) == set(model.categories) - {NOTHING}


@pytest.mark.parametrize("said_daily", ["debt_dispute", "hardship", "self_harm"])
def test_what_is_grave_is_told_as_before_whatever_is_said_daily(model, ordinary, said_daily):
    cases = [("".join(one.turns), one.category) for one in attacks("inbound", "train", 60)]
    daily = [text for text, category in cases if category == said_daily]
    mine = calibrated(model, WEIGHTS, calibrate(model, WEIGHTS, [*ordinary, *daily], 0.001))
    grave = [text for text, category in cases if category in GRAVE]
    before = {text: told for text in grave if (told := model.tells(text)) in GRAVE}
    assert len(before) > 60
    assert {text: mine.tells(text) for text in before} == before
    assert mine.threshold <= model.threshold


def test_few_tiny_or_equal_messages_are_refused(model, ordinary):
    few = [*ordinary[:400], *["嗯"] * 900, *["花呗怎么开通"] * 600]
    with pytest.raises(BadInput, match=rf"\d\d\d different messages .* {LEAST} are needed"):
        calibrate(model, WEIGHTS, few, 0.01)
