"""A book that was lost holds what it held, however much later, whoever reads it first."""

import asyncio
from contextlib import closing, contextmanager
from dataclasses import replace
from shutil import copytree, rmtree

import pytest

from finmodel.audit import AuditLog, scan
from finmodel.records import Person
from finmodel.vault import Vault
from serving import flows
from serving.desk import open_desk
from serving.monitoring.verdicts import verdicts_of
from serving.schemas import Application
from serving.telemetry import Telemetry
from serving.underwriting.room import CaseRoom
from tests.serving.small_world import APPLICATION, NAME, make_world, wait_until

LI = Person("Li Lei", frozenset({"underwriter"}))
OCTOBER, FIVE_WEEKS_ON = "2005-10-01T00:00:00+08:00", "2005-11-05T00:00:00+08:00"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A world with two referred decisions of October and one of five weeks later, and their ids."""
    settings = make_world(tmp_path_factory.mktemp("made") / "home").settings
    late = replace(settings, standing_clock=FIVE_WEEKS_ON)
    return settings, [*referred(settings, 5, 6), *referred(late, 7)]


@pytest.fixture
def lender(made, tmp_path):
    """Its settings, in a home of this test's own."""
    copytree(made[0].home, tmp_path / "home")
    return replace(made[0], home=tmp_path / "home")


@pytest.fixture
def ids(made):
    return made[1]


def referred(settings, *customers):
    async def ask(desk):
        some = [Application(**APPLICATION | {"customer_id": one}) for one in customers]
        return [await flows.decide(one, LI, desk) for one in some]

    with open_desk(settings, Telemetry()) as desk:
        wait_until(lambda: desk.live.serving is not None, 120)
        told = asyncio.run(ask(desk))
    assert {one.decision for one in told} == {"refer"}
    return [one.decision_id for one in told]


@contextmanager
def room_at(settings, day):
    there = replace(settings, standing_clock=day)
    with (
        closing(Vault(there.vault)) as vault,
        closing(AuditLog(there.audit, vault, there.clock)) as log,
        closing(CaseRoom(there, log, vault)) as room,
    ):
        yield room


def waiting(room):
    cases, number = room.waiting()
    assert len(cases) == number
    return [one.about.decision for one in cases]


def lose(settings):
    rmtree(settings.underwriting.parent)


def test_a_lost_book_is_filled_whole_though_its_cases_are_old(lender, ids):
    with room_at(lender, OCTOBER) as room:
        assert waiting(room) == ids
    with room_at(lender, FIVE_WEEKS_ON) as room:
        assert waiting(room) == ids
    lose(lender)
    with room_at(lender, FIVE_WEEKS_ON) as room:
        assert waiting(room) == ids
    (begun,) = scan(lender.audit, "cases_begun")
    assert begun.time_us - begun.body["since_us"] == 30 * 86_400_000_000


def test_what_is_old_when_a_queue_begins_stays_out_of_it_and_out_of_the_next(lender, ids):
    for _ in range(2):
        with room_at(lender, FIVE_WEEKS_ON) as room:
            assert waiting(room) == ids[2:]
        lose(lender)


def test_a_queue_from_before_that_was_written_down_is_as_old_as_its_first_act(
    lender, ids, monkeypatch
):
    with monkeypatch.context() as patched, room_at(lender, OCTOBER) as room:
        patched.setattr(CaseRoom, "_begin", lambda _room, _since: None)
        room.claim(ids[1], LI)
    assert list(scan(lender.audit, "cases_begun")) == []
    lose(lender)
    with room_at(lender, FIVE_WEEKS_ON) as room:
        assert waiting(room) == ids


def test_monitoring_counts_verdicts_though_nobody_opened_the_page_since(lender, ids):
    with room_at(lender, OCTOBER) as room:
        room.claim(ids[0], LI)
        room.judge(ids[0], LI, ("decline", "MD2"), "")
    lose(lender)
    (told,) = verdicts_of(replace(lender, standing_clock=FIVE_WEEKS_ON), NAME, 1)
    assert (told.verdict, told.code) == ("decline", "MD2")
    with room_at(lender, FIVE_WEEKS_ON) as room:
        assert waiting(room) == ids[1:]


def test_a_look_of_monitoring_begins_no_queue(lender, ids):
    assert verdicts_of(replace(lender, standing_clock=FIVE_WEEKS_ON), NAME, 1) == ()
    assert list(scan(lender.audit, "cases_begun")) == []
    with room_at(lender, OCTOBER) as room:
        assert waiting(room) == ids


def test_a_log_in_which_nobody_began_a_queue_is_looked_through_once(lender, monkeypatch):
    assert verdicts_of(lender, NAME, 1) == ()
    monkeypatch.setattr("serving.underwriting.catching_up.entries_since", None)
    assert verdicts_of(lender, NAME, 1) == ()
