"""The ranker: only what may be said to this customer today, and honestly nothing."""

from datetime import date

import msgspec
import numpy as np
import pytest

from finmodel.assistant.intents import load_intents
from finmodel.assistant.matching.intent_model import ROWS, IntentModel
from finmodel.assistant.matching.ranking import Ranker, document_of
from finmodel.assistant.matching.situation import Situation
from finmodel.assistant.scripts import Scripts, State, load_scripts
from finmodel.conversations import IDENTITIES

DAY = date(2026, 6, 3)
INTENTS = tuple(sorted(load_intents()))
ACCOUNTS = (None, "visitor", "applied", "declined", "current", "overdue", "settled")


def words_alone(confident=0.5):
    weights = np.zeros((ROWS, len(INTENTS)), np.float32)
    return IntentModel(INTENTS, weights, np.zeros(len(INTENTS), np.float32), 1.0, confident)


@pytest.fixture(scope="module")
def ranker():
    return Ranker(load_scripts(), words_alone())


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("account", ACCOUNTS)
def test_nobody_is_offered_what_they_may_not_be_told(ranker, identity, account):
    state = State(identity, account)
    for one in list(load_scripts().values())[::12]:
        asked = Situation(one.text, account=account)
        offers = ranker.rank(asked, state, DAY).offers
        assert len(offers) == 3
        assert all(offer.script.fits(state) for offer in offers)
        assert len({offer.script.intent for offer in offers}) == 3
        assert [offer.score for offer in offers] == sorted(
            (offer.score for offer in offers), reverse=True
        )


def test_the_words_of_a_script_find_its_intent(ranker):
    found = [
        ranker.rank(Situation(document_of(one).text), State(), DAY).offers[0].script.intent
        == one.intent
        for one in load_scripts().values()
    ]
    assert sum(found) >= 0.97 * len(found)


def test_verification_is_offered_beside_what_would_tell_more(ranker):
    asked = Situation("提前结清手续费")
    told = ranker.rank(asked, State(), DAY)
    assert told.verification is not None
    assert told.verification.intent == "verify_identity"
    assert ranker.rank(asked, State("verified", "current"), DAY).verification is None


def test_whoever_was_just_verified_is_told_what_they_asked_before(ranker):
    waits = Situation("认证完了", before="verify_identity", open="amount_due", just_verified=True)
    ranked = ranker.rank(waits, State("verified", "current"), DAY)
    assert ranked.offers[0].script.intent == "amount_due"
    assert ranked.offers[0].script.needs == "verified"
    assert ranked.confident
    wordless = msgspec.structs.replace(waits, asked="")
    assert ranker.rank(wordless, State("verified"), DAY).offers[0].script.intent == "amount_due"


@pytest.mark.parametrize("asked", ["", "   ", "🙂🙂", "？？！", "https"])
def test_what_cannot_be_read_is_answered_by_nothing_sure(ranker, asked):
    ranked = ranker.rank(Situation(asked), State(), DAY)
    assert not ranked.confident
    assert asked == "https" or ranked.offers == ()


def test_a_hundred_thousand_characters_are_read(ranker):
    assert ranker.rank(Situation("提前结清手续费" * 20_000), State(), DAY).offers


def test_an_expired_script_is_offered_no_more(ranker):
    asked = Situation("优惠券怎么用")
    assert ranker.rank(asked, State(), date(2027, 12, 31)).offers[0].script.intent == "coupon_use"
    late = ranker.rank(asked, State(), date(2028, 1, 1)).offers
    assert "coupon_use" not in {one.script.intent for one in late}


def test_a_script_whose_numbers_are_unknown_is_not_offered(ranker):
    asked = Situation("本期应还多少", account="current")
    state = State("verified", "current")
    every = ranker.rank(asked, state, DAY).offers
    none = ranker.rank(asked, state, DAY, slots=()).offers
    assert any(one.script.slots for one in every)
    assert not any(one.script.slots for one in none)


def test_an_offer_names_its_source(ranker):
    offer = ranker.rank(Situation("优惠券怎么用"), State(), DAY).offers[0]
    assert offer.source == (offer.script.id, offer.script.version)


def test_one_script_more_is_found_at_once():
    scripts = load_scripts()
    new = msgspec.structs.replace(
        scripts["coupon_use-1"], id="coupon_use-9", text="生日红包请在生日当天领取。", version=3
    )
    ranker = Ranker(Scripts([new]), words_alone())
    offer = ranker.rank(Situation("生日红包"), State(), DAY).offers[0]
    assert offer.source == ("coupon_use-9", 3)
