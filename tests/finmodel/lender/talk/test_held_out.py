"""What is held out is a fifth, and leaves something to say everywhere."""

from itertools import product

from finmodel.assistant.intents import load_intents
from finmodel.assistant.scripts import State, load_scripts
from finmodel.lender.talk.held_out import held_out


def test_a_fifth_is_held_out_and_something_is_left_everywhere():
    scripts, apart = load_scripts(), held_out()
    assert len(apart) == len(scripts) // 5
    assert len({one.partition("-")[0] for one in apart}) >= 20
    accounts = ("visitor", "applied", "declined", "current", "overdue", "settled")
    for intent, who, account in product(load_intents(), ("none", "basic", "verified"), accounts):
        found = [s for s in scripts.of_intent(intent) if s.fits(State(who, account))]
        closest = [s.id for s in found if s.closeness == found[0].closeness]
        assert set(closest) - apart
