"""The queue is what the log says: filled again from it, by another process, after a crash."""

from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from finmodel.audit import AuditLog
from finmodel.clock import StandingClock, SystemClock
from finmodel.errors import NoRoom, Refused
from finmodel.records import Person
from finmodel.vault import Vault
from risk.underwriting.book import CaseBook
from serving.underwriting.room import CaseRoom
from tests.serving.small_world import APPLICATION

pytestmark = pytest.mark.servers
LI = Person("Li Lei", frozenset({"underwriter"}))
TAKE = CaseBook.take
HAN = Person("Han Mei", frozenset({"underwriter"}))


@pytest.fixture
def decision(client, world):
    told = APPLICATION | {"customer_id": 7}
    return client.post("/decide", json=told, headers=world.headers("underwriter")).json()[
        "decision_id"
    ]


@contextmanager
def room_on(world, home, clock=None):
    """A room with a book of its own, on the log that the service writes."""
    home.mkdir(exist_ok=True)
    for name in ("audit", "vault", "exports", "signing"):
        if not (home / name).exists():
            (home / name).symlink_to(world.settings.home / name)
    settings = replace(world.settings, home=home)
    with (
        closing(Vault(settings.vault)) as vault,
        closing(AuditLog(settings.audit, vault, settings.clock)) as log,
        closing(CaseRoom(settings, log, vault, clock)) as room,
    ):
        yield room


def test_another_book_of_the_same_log_is_the_same(client, world, decision, tmp_path):
    with room_on(world, tmp_path / "one") as one, room_on(world, tmp_path / "two") as two:
        assert one.case(decision) == two.case(decision)
        one.claim(decision, LI)
        with pytest.raises(Refused, match="claimed by Li Lei"):
            two.claim(decision, HAN)
        one.judge(decision, LI, ("decline", "MD2"), "负债偏高")
        kept = two.case(decision)
        assert kept == one.case(decision)
        assert two.note_of(kept.final.entry) == "负债偏高"
    with room_on(world, tmp_path / "three") as three:
        assert three.case(decision) == kept
    seen = client.get(f"/cases/{decision}", headers=world.headers("auditor")).json()
    assert seen["final"]["code"] == "MD2"


def test_what_a_crash_left_in_the_log_alone_is_counted_at_the_next_look(
    world, decision, tmp_path, monkeypatch
):
    with room_on(world, tmp_path / "one") as room:
        room.claim(decision, LI)
        with monkeypatch.context() as patched:
            patched.setattr("risk.underwriting.book.CaseBook.take", full_disk_at_a_verdict)
            with pytest.raises(NoRoom):
                room.judge(decision, LI, ("decline", "MD2"), "")
        assert room.case(decision).final.code == "MD2"
        with pytest.raises(Refused, match="declined by Li Lei"):
            room.judge(decision, LI, ("decline", "MD2"), "")


def full_disk_at_a_verdict(book, act, entry, time_us):
    if act.act == "verdict":
        raise NoRoom("the disk is full")
    return TAKE(book, act, entry, time_us)


def test_a_claim_ends_though_nobody_gives_it_back(world, decision, tmp_path):
    with room_on(world, tmp_path / "home") as room:
        room.claim(decision, LI)
    later = StandingClock(SystemClock().now() + timedelta(minutes=30, seconds=1))
    with room_on(world, tmp_path / "home", later) as room:
        with pytest.raises(Refused, match="claim it again"):
            room.judge(decision, LI, ("decline", "MD2"), "")
        assert room.claim(decision, HAN).claim.by == "Han Mei"
        room.judge(decision, HAN, ("decline", "MD2"), "")


def test_who_was_erased_can_be_declined_and_nothing_is_noted_of_them(client, world, tmp_path):
    told = APPLICATION | {"customer_id": 19}
    decision = client.post("/decide", json=told, headers=world.headers("underwriter")).json()[
        "decision_id"
    ]
    with (
        room_on(world, tmp_path / "home") as room,
        closing(Vault(world.settings.vault)) as vault,
    ):
        room.claim(decision, LI)
        vault.erase("19")
        with pytest.raises(Refused, match="nothing can be approved"):
            room.judge(decision, LI, ("approve", "ML1"), "")
        with pytest.raises(Refused, match="no note can be kept"):
            room.judge(decision, LI, ("decline", "MD6"), "已撤回")
        assert room.judge(decision, LI, ("decline", "MD6"), "").final.verdict == "decline"
        assert vault.known("19") is None
