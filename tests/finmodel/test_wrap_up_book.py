"""A wrap-up and its tickets are kept together, done once, and say nothing of who was erased."""

from datetime import UTC, date, datetime, timedelta

import pytest

from finmodel.errors import BadInput, NoRoom, NotFound
from finmodel.tickets import FollowUp
from finmodel.vault import Vault
from finmodel.wrap_up_book import WrapUp, WrapUpBook

START = datetime(2026, 6, 3, 2, tzinfo=UTC)
DAY = date(2026, 6, 3)
COMPLAINT = FollowUp(kind="complaint", note="客户称被骚扰")


def wrap_up(**changes):
    given = {
        "conversation": "c1", "customer": "u1", "agent": "li", "at": START,
        "category": "complaint", "body": "客户咨询：投诉催收。".encode(),
    }  # fmt: skip
    return WrapUp(**given | changes)


@pytest.fixture
def vault(tmp_path):
    found = Vault(tmp_path / "vault" / "keys.db")
    yield found
    found.close()


@pytest.fixture
def book(tmp_path, vault):
    found = WrapUpBook(tmp_path / "wrap_ups" / "book.db", vault)
    yield found
    found.close()


def nobody(changes):
    """An audit log that nothing is told."""


def keep(book, one, *follow_ups, record=nobody):
    return book.keep(one, follow_ups, book._vault.pseudonym(one.customer), record)


def test_both_are_kept_or_neither(book):
    past = FollowUp(kind="refund", due=DAY - timedelta(1))
    with pytest.raises(BadInput, match="has passed"):
        keep(book, wrap_up(), COMPLAINT, past)
    assert (book.latest("c1"), book.tickets("", 9)) == (None, [])
    (ticket,) = keep(book, wrap_up(), COMPLAINT)
    assert (ticket.kind, ticket.due, ticket.agent) == ("complaint", date(2026, 6, 18), "li")
    assert book.latest("c1") == (wrap_up().at, wrap_up().body)
    assert book.note(ticket.id) == COMPLAINT.note


def test_written_again_the_latest_stands_and_no_ticket_is_opened_twice(book):
    (first,) = keep(book, wrap_up(), COMPLAINT)
    later = wrap_up(at=START + timedelta(minutes=5), body="改过".encode())
    sooner = FollowUp(kind="complaint", due=DAY + timedelta(5), note="客户又来电")
    again, other = keep(book, later, sooner, FollowUp(kind="refund"))
    assert (again.id, again.due) == (first.id, DAY + timedelta(5))
    assert book.note(first.id) == f"{COMPLAINT.note}\n客户又来电"
    assert book.latest("c1") == (later.at, later.body)
    at_last = wrap_up(at=START + timedelta(2))
    far = FollowUp(kind="complaint", due=DAY + timedelta(17))
    assert keep(book, at_last, far)[0].due == DAY + timedelta(15), "counted anew"
    hard = FollowUp(kind="complaint", is_complex=True)
    assert keep(book, at_last, hard)[0].due == DAY + timedelta(30)
    promise = FollowUp(kind="promise", due=DAY)
    (moved,) = keep(book, later, promise)
    (moved,) = keep(book, later, FollowUp(kind="promise", due=DAY + timedelta(9)))
    assert (moved.due, len(book.tickets("", 9))) == (DAY + timedelta(9), 3)
    book.close_ticket(moved.id, "li", START, nobody)
    assert [one.kind for one in book.tickets("li", 9)] == ["refund", "complaint"]
    book.close_ticket(first.id, "li", START, nobody)
    (new,) = keep(book, later, COMPLAINT)
    assert new.id not in (first.id, other.id)
    assert (book.last("u1"), book.last("u2")) == (at_last.at, None)


def test_a_ticket_is_closed_once_and_only_a_complaint_gets_more_time(book):
    one, refund = keep(book, wrap_up(), COMPLAINT, FollowUp(kind="refund"))
    assert book.extend(one.id, nobody).due == date(2026, 7, 3)
    assert book.extend(one.id, nobody).is_complex
    with pytest.raises(BadInput, match="only an open complaint gets more time"):
        book.extend(refund.id, nobody)
    closed = book.close_ticket(one.id, "zhao", START, nobody)
    assert (closed.closed, closed.closed_by) == (START, "zhao")
    for act in (
        lambda: book.close_ticket(one.id, "li", START, nobody),
        lambda: book.extend(one.id, nobody),
    ):
        with pytest.raises(BadInput, match=r"closed it before|only an open"):
            act()
    with pytest.raises(NotFound, match="no ticket has this id"):
        book.ticket("none")


def test_what_cannot_be_recorded_does_not_count(book):
    def full(changes):
        raise NoRoom("no space is left", where="audit", remedy="make room")

    with pytest.raises(NoRoom):
        keep(book, wrap_up(), COMPLAINT, record=full)
    assert (book.latest("c1"), book.tickets("", 9)) == (None, [])
    told = []
    (one,) = keep(book, wrap_up(), COMPLAINT, record=told.extend)
    assert told == [(None, one)]
    for act in (
        lambda record: book.extend(one.id, record),
        lambda record: book.close_ticket(one.id, "zhao", START, record),
    ):
        before = book.ticket(one.id)
        with pytest.raises(NoRoom):
            act(full)
        assert book.ticket(one.id) == before
        after = act(told.extend)
        assert told[-1] == (before, after)
        assert after == book.ticket(one.id) != before


def test_each_sees_their_own_and_what_is_late_is_counted(book):
    keep(book, wrap_up(), COMPLAINT)
    keep(book, wrap_up(conversation="c2", customer="u2", agent="wang"), FollowUp(kind="refund"))
    assert [len(book.tickets(who, 9)) for who in ("li", "wang", "sun", "")] == [1, 1, 0, 2]
    late = [book.overdue("", DAY + timedelta(on)) for on in (3, 4, 15, 16)]
    assert late == [0, 1, 1, 2]
    assert book.overdue("li", DAY + timedelta(16)) == 1


def test_of_an_erased_customer_no_word_is_left_and_none_is_written(book, vault, tmp_path):
    (ticket,) = keep(book, wrap_up(), COMPLAINT)
    ref = vault.pseudonym("u1")
    vault.erase("u1")
    assert book.note(ticket.id) == ""
    assert [one.id for one in book.tickets("li", 9)] == [ticket.id]
    with pytest.raises(NotFound, match="its customer was erased"):
        book.keep(wrap_up(), (COMPLAINT,), ref, nobody)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "wrap_ups").iterdir())
    assert COMPLAINT.note.encode() not in stored
    assert b"u1" not in stored
