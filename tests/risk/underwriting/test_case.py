"""A case from the queue to its verdict, and each way in which it may not be judged."""

import pytest

from finmodel.errors import Refused
from finmodel.records import Person
from risk.underwriting.case import About, Case, after, ask, claim, judge, needs_second, release

LI = Person("Li Lei", frozenset({"underwriter"}))
HAN = Person("Han Mei", frozenset({"underwriter"}))
MINUTE = 60_000_000
LIMIT = 5_000_000


def case(**changes):
    told = {
        "decision": "a000001-00000708-41046fb593d3",
        "at_us": 0,
        "why": "refer",
        "model": "behaviour_risk",
        "version": 1,
        "product": "cash_loan",
        "says": "refer",
        "rule": "points",
        "reasons": ("R00",),
    }
    return Case(about=About(**told | changes))


def claimed(one, person, now=0):
    return after(one, claim(one, person, now, now + 30 * MINUTE), "e-claim", now)


def judged(one, person, verdict, code, now=MINUTE, amount=500_000):
    act = judge(one, person, (verdict, code), now, large=needs_second(amount, LIMIT))
    return after(one, act, f"e-{person.name}", now)


def test_claimed_and_declined():
    one = claimed(case(), LI)
    assert one.held(MINUTE).by == "Li Lei"
    done = judged(one, LI, "decline", "R00")
    assert (done.state, done.final.by, done.final.verdict, done.final.side) == (
        "done", "Li Lei", "decline", "",
    )  # fmt: skip
    assert done.claim is None


def test_two_claim_one_case_and_one_of_them_is_told_so():
    one = claimed(case(), LI)
    with pytest.raises(Refused, match="claimed by Li Lei until 08:30"):
        claim(one, HAN, MINUTE, 31 * MINUTE)
    assert claim(one, LI, MINUTE, 31 * MINUTE).until_us == 31 * MINUTE
    with pytest.raises(Refused, match="claimed by Li Lei"):
        judge(one, HAN, ("decline", "MD1"), MINUTE)


def test_a_claim_ends_by_itself_and_when_it_is_given_back():
    one = claimed(case(), LI)
    late = 30 * MINUTE
    assert one.held(late) is None
    with pytest.raises(Refused, match="claim it again"):
        judge(one, LI, ("decline", "MD1"), late)
    assert claim(one, HAN, late, late + 1).actor == "Han Mei"
    back = after(one, release(one, LI, MINUTE), "e-back", MINUTE)
    assert (back.claim, back.state) == (None, "open")
    with pytest.raises(Refused, match="no claim"):
        release(back, LI, MINUTE)


def test_a_large_amount_needs_somebody_else_to_agree():
    large = LIMIT + 1
    first = judged(claimed(case(), LI), LI, "approve", "MA1", amount=large)
    assert (first.state, first.final, first.claim) == ("second", None, None)
    with pytest.raises(Refused, match="Li Lei gave the first verdict"):
        claim(first, LI, MINUTE, 2 * MINUTE)
    agreed = judged(claimed(first, HAN), HAN, "approve", "MA2", amount=large)
    assert (agreed.state, agreed.first.by, agreed.final.by) == ("done", "Li Lei", "Han Mei")
    differs = judged(claimed(first, HAN), HAN, "decline", "MD1", amount=large)
    assert (differs.state, differs.first, differs.differed) == ("open", None, 1)
    at_the_limit = judged(claimed(case(), LI), LI, "approve", "MA1", amount=LIMIT)
    assert at_the_limit.state == "done"
    assert not needs_second(None, LIMIT)


def test_the_demos_people_judge_the_demos_cases_alone():
    demo = Person("demo-engineer", frozenset({"underwriter"}), demo=True)
    with pytest.raises(Refused, match="is of the demo"):
        claim(case(), demo, 0, MINUTE)
    act = claim(case(demo=True), demo, 0, MINUTE)
    assert act.demo
    assert not claim(case(), LI, 0, MINUTE).demo


def test_overrides_have_a_side():
    low = judged(claimed(case(says="decline", why="asked"), LI), LI, "approve", "ML2")
    high = judged(claimed(case(says="approve", rule="over_limit"), LI), LI, "decline", "MD2")
    assert (low.final.side, high.final.side) == ("low", "high")


def test_what_is_decided_or_wrongly_said_is_refused():
    one = claimed(case(says="decline"), LI)
    with pytest.raises(Refused, match="none of those for this approve"):
        judge(one, LI, ("approve", "MA1"), MINUTE)
    done = judged(one, LI, "decline", "MD3")
    for again in (
        lambda: claim(done, HAN, MINUTE, 2 * MINUTE),
        lambda: judge(done, LI, ("decline", "MD3"), MINUTE),
        lambda: release(done, LI, MINUTE),
    ):
        with pytest.raises(Refused, match="declined by Li Lei"):
            again()
    mine = claimed(case(), LI)
    with pytest.raises(Refused, match="erased"):
        judge(mine, LI, ("approve", "MA1"), MINUTE, erased=True)
    assert judge(mine, LI, ("decline", "MD6"), MINUTE, erased=True).verdict == "decline"


def test_who_asks_changes_nothing_but_that_it_was_asked_for():
    one = claimed(case(), LI)
    asked = after(one, ask(one.about, HAN), "e-asked", MINUTE)
    assert (asked.asked, asked.claim, asked.state) == (True, one.claim, "open")
