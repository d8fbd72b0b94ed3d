"""Scripts as suggestions: the likeliest, its other wordings, and what asks for verification."""

from finmodel.assistant.matching.ranking import Offer, Ranked
from finmodel.assistant.scripts import State, load_scripts
from finmodel.assistant.suggesting.approved import approved
from finmodel.assistant.suggesting.asking import Told, public
from tests.finmodel.assistant.suggesting.talks import DAY, FACTS

SCRIPTS = load_scripts()
KNOWN = Told(State("verified", "overdue"), FACTS)
UNKNOWN = Told(State("none"), public(FACTS))


def ranked(*offers, **more):
    return Ranked(tuple(Offer(SCRIPTS[name], score) for name, score in offers), **more)


def ids(found):
    return [one.script for one in found]


def test_a_sure_intent_is_offered_in_its_wordings_and_an_unsure_one_beside_others():
    sure = ranked(("third_party-2", 0.95), ("not_me-1", 0.03), ("thanks_goodbye-1", 0.02))
    found, beside, met = approved(sure, SCRIPTS, UNKNOWN, DAY)
    assert ids(found)[0] == "third_party-2"
    assert {SCRIPTS[name].intent for name in ids(found)} == {"third_party"}
    assert (beside, met) == (None, [])
    unsure = ranked(("third_party-2", 0.4), ("not_me-1", 0.3), ("thanks_goodbye-1", 0.2))
    assert ids(approved(unsure, SCRIPTS, UNKNOWN, DAY)[0])[1:] == ["not_me-1", "thanks_goodbye-1"]


def test_what_asks_for_verification_is_the_third_or_stands_beside():
    verify = SCRIPTS["verify_identity-1"]
    offers = (("overdue_amount-1", 0.5), ("not_me-1", 0.3), ("thanks_goodbye-1", 0.1))
    near = ranked(*offers, verification=verify, asked_to_verify=4)
    found, beside, _ = approved(near, SCRIPTS, UNKNOWN, DAY)
    assert (ids(found)[-1], beside) == ("verify_identity-1", None)
    far = ranked(*offers, verification=verify, asked_to_verify=40)
    found, beside, _ = approved(far, SCRIPTS, UNKNOWN, DAY)
    assert beside.script == "verify_identity-1"
    assert "verify_identity-1" not in ids(found)


def test_a_script_whose_values_are_not_there_is_left_out():
    found, _, _ = approved(ranked(("overdue_amount-2", 0.9)), SCRIPTS, UNKNOWN, DAY)
    assert "overdue_amount-2" not in ids(found)


def test_nothing_ranked_is_nothing_offered():
    assert approved(Ranked(), SCRIPTS, KNOWN, DAY) == ([], None, [])
