"""What a case is about, against arithmetic on the points: under a policy and without one."""

import asyncio
from dataclasses import replace

import pytest

from finmodel.audit import find
from finmodel.audit_since import BEGINNING
from finmodel.errors import NotFound
from finmodel.records import Person
from finmodel.vault import Vault
from serving import flows
from serving.desk import open_desk
from serving.schemas import Application
from serving.telemetry import Telemetry
from serving.underwriting.entering import about_of, amount_of, customer_of, decision_of, referred
from tests.serving.policy_world import decide_by
from tests.serving.small_world import APPLICATION, make_world, wait_until

PERSON = Person("the underwriter", frozenset({"underwriter"}))


@pytest.fixture(scope="module")
def lender(tmp_path_factory):
    """A world, and its decisions before and after a policy was approved, by id."""
    settings = make_world(tmp_path_factory.mktemp("entering")).settings
    before = decided(settings, range(1, 31))
    decide_by(settings, random_approve=None, challenger=None)
    return settings, before, decided(settings, range(1, 61))


def decided(settings, customers):
    async def ask(desk):
        some = [Application(**APPLICATION | {"customer_id": one}) for one in customers]
        return await asyncio.gather(*(flows.decide(one, PERSON, desk) for one in some))

    with open_desk(settings, Telemetry()) as desk:
        wait_until(lambda: desk.live.serving is not None, 30)
        return {one.decision_id: one for one in asyncio.run(ask(desk))}


def by_points(points):
    return "approve" if points >= 540 else "refer" if points >= 515 else "decline"


def test_referred_decisions_and_no_others_are_found(lender):
    settings, before, after = lender
    every = before | after
    found = list(referred(settings.audit, BEGINNING, 0))
    assert found == [name for name, one in every.items() if one.decision == "refer"]
    assert len(found) > 40
    newest = find(settings.audit, found[-1]).time_us
    assert list(referred(settings.audit, BEGINNING, newest + 1)) == []


def test_what_points_alone_say_is_told_whatever_decided(lender):
    settings, before, after = lender
    vault = Vault(settings.vault)
    seen = set()
    for name, one in (before | after).items():
        entry = decision_of(settings, vault, name)
        about = about_of(entry, "refer", settings)
        assert about.says == by_points(one.points)
        assert (amount_of(entry), about.rule, about.demo) == (500_000, one.rule, True)
        assert about.reasons == tuple(reason.code for reason in one.reasons)
        assert customer_of(entry).isdigit()
        seen.add((one.decision, about.says))
    assert {("refer", "approve"), ("refer", "decline"), ("refer", "refer")} <= seen
    assert ("decline", "refer") in seen, "a hard rule declines whom the points would refer"


def test_what_is_gone_leaves_a_gap_and_no_guess(lender, tmp_path):
    settings, before, after = lender
    sealed = [find(settings.audit, next(iter(some))) for some in (before, after)]
    assert [customer_of(entry) for entry in sealed] == [None, None]
    assert [amount_of(entry) for entry in sealed] == [None, 500_000]
    elsewhere = replace(settings, home=tmp_path)
    assert [about_of(entry, "refer", elsewhere).says for entry in sealed] == ["", ""]
    with pytest.raises(NotFound, match="no entry"):
        decision_of(settings, Vault(settings.vault), "a000001-00000708-41046fb593d3")
