"""What was shown is judged once, counted for a supervisor, and gone with its customer."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from finmodel.errors import BadInput, NotFound
from finmodel.suggestion_book import Judged, Shown, SuggestionBook
from finmodel.vault import Vault
from finmodel.verdicts import Verdict

START = datetime(2026, 6, 3, 1, tzinfo=UTC)
TO_COME = START + timedelta(days=1)


def shown(agent="li", customer="u1", **changes):
    given = {
        "conversation": "c1", "customer": customer, "agent": agent, "scenario": "repayment",
        "at": START, "count": 3, "ms": 12.5, "body": "您本期应还一百元".encode(),
    }  # fmt: skip
    return Shown(**given | changes)


def show(book, one):
    return book.show(one, book._vault.pseudonym(one.customer))


def judged(choice="accepted", characters=20, saved=1.0, **changes):
    verdict = Verdict(
        id="v1", conversation="c1", after="m1", at=START, verdict=choice,
        suggestion="您本期应还{amount_due}", sent="" if choice == "accepted" else "请您还款",
    )  # fmt: skip
    return Judged(verdict=verdict, characters=characters, saved=saved, **changes)


@pytest.fixture
def vault(tmp_path):
    found = Vault(tmp_path / "vault" / "keys.db")
    yield found
    found.close()


@pytest.fixture
def book(tmp_path, vault):
    found = SuggestionBook(tmp_path / "suggestions" / "book.db", vault)
    yield found
    found.close()


def test_an_agent_finds_what_they_were_shown_and_nobody_elses(book):
    name = show(book, shown())
    assert book.body(name, "li") == shown().body
    for other, agent in ((name, "wang"), ("none", "li")):
        with pytest.raises(NotFound, match="nothing of this id was shown here"):
            book.body(other, agent)


def test_a_verdict_counts_once_and_is_not_changed_afterwards(book):
    name = show(book, shown())
    assert book.judge(name, "u1", judged())
    later = judged()
    later = msgspec.structs.replace(
        later, verdict=msgspec.structs.replace(later.verdict, at=TO_COME)
    )
    assert not book.judge(name, "u1", later)
    with pytest.raises(BadInput, match="judged otherwise before"):
        book.judge(name, "u1", judged("edited"))
    with pytest.raises(NotFound, match="nothing of this id"):
        book.judge(name, "u2", judged())
    assert list(book.verdicts()) == [judged().verdict]


def test_a_supervisor_sees_what_suggestions_were_worth(book):
    for agent, given in (
        ("li", judged(characters=30, saved=1.0, seconds=4.0)),
        ("li", judged("edited", characters=10, saved=0.6, seconds=8.0, violations=1)),
        ("li", None),
        ("wang", judged("rejected", characters=10, saved=0.0)),
    ):
        name = show(book, shown(agent))
        if given is not None:
            book.judge(name, "u1", given)
    li, wang = book.worth("agent", START, TO_COME)
    assert (li.group, li.shown, li.judged, li.accepted, li.edited, li.rejected) == (
        "li", 3, 2, 1, 1, 0,
    )  # fmt: skip
    assert (li.characters_saved, li.seconds, li.violations) == (pytest.approx(0.9), 6.0, 1)
    assert (li.edits, wang.edits) == (pytest.approx(4.0), None)
    assert (wang.rejected, wang.characters_saved, wang.seconds) == (1, 0.0, None)
    assert [one.group for one in book.worth("scenario", START, TO_COME)] == ["repayment"]
    assert book.worth("agent", TO_COME, TO_COME + timedelta(1)) == []


def test_it_is_counted_by_tenure_and_by_writer(book, tmp_path, vault):
    for tenure, scenario, writer in (
        ("under_3_months", "repayment", "scripts/3"),
        ("under_3_months", "collection", "scripts/4"),
        ("over_a_year", "repayment", "scripts/3"),
    ):
        show(book, shown(tenure=tenure, scenario=scenario, writer=writer))
    groups = {
        by: [(one.group, one.shown) for one in book.worth(by, START, TO_COME)]
        for by in ("tenure", "tenure_scenario", "writer")
    }
    assert groups == {
        "tenure": [("over_a_year", 1), ("under_3_months", 2)],
        "tenure_scenario": [
            ("over_a_year · repayment", 1),
            ("under_3_months · collection", 1),
            ("under_3_months · repayment", 1),
        ],
        "writer": [("scripts/3", 2), ("scripts/4", 1)],
    }


def test_what_was_shown_before_such_things_were_kept_counts_as_unknown(book):
    show(book, shown())
    book._file.change("DELETE FROM circumstance")  # as in a book of an earlier version
    (one,) = book.worth("tenure_scenario", START, TO_COME)
    assert (one.group, one.shown) == ("unknown · repayment", 1)
    assert [one.group for one in book.worth("writer", START, TO_COME)] == [""]


def test_what_was_told_on_is_untold_again_once_it_is_judged(book, vault):
    first, second = show(book, shown(at=START)), show(book, shown(customer="u2", at=TO_COME))
    (one,) = book.untold(1)
    assert (one.name, one.again, one.counts, one.body) == (first, False, None, shown().body)
    book.tell([one])
    book.judge(first, "u1", judged(seconds=4.0))
    vault.erase("u2")
    again, erased = book.untold(10)
    assert (again.name, again.again, again.counts.choice) == (first, True, "accepted")
    assert (again.counts.at, again.counts.seconds) == (START, 4.0)
    assert (erased.name, erased.body) == (second, b"")
    book.tell([again, erased])
    assert book.untold(10) == []


def test_what_was_asked_is_kept_sealed_with_what_was_shown(book, tmp_path):
    name = show(book, shown(asked="问的是什么".encode()))
    kept = book.kept(name)
    assert (kept.conversation, kept.body) == ("c1", shown().body)
    assert kept.asked.decode() == "问的是什么"
    whole = b"".join(one.read_bytes() for one in (tmp_path / "suggestions").iterdir())
    assert "问的".encode() not in whole
    with pytest.raises(NotFound, match="nothing of this id"):
        book.kept("none")


def test_words_lie_sealed_and_go_with_their_customer(book, vault, tmp_path):
    name = show(book, shown())
    book.judge(name, "u1", judged("edited"))
    whole = b"".join(one.read_bytes() for one in (tmp_path / "suggestions").iterdir())
    assert "应还".encode() not in whole
    assert "请您还款".encode() not in whole
    vault.erase("u1")
    assert list(book.verdicts()) == []
    with pytest.raises(NotFound, match="key was erased"):
        book.body(name, "li")
    (left,) = book.worth("agent", START, TO_COME)
    assert left.shown == 1


def test_a_forgotten_customer_leaves_counts_alone(book, vault, tmp_path):
    name, other = show(book, shown(conversation="c-u1")), show(book, shown(customer="u2"))
    book.judge(name, "u1", judged("edited"))
    book.judge(other, "u2", judged())
    before = book.worth("agent", START, TO_COME)
    assert (book.held("u1"), book.last("u1")) == (1, START)
    assert (book.forget("u1"), book.forget("u1")) == (1, 0)
    assert (book.held("u1"), book.last("u1")) == (0, None)
    assert book.worth("agent", START, TO_COME) == before
    assert [one.verdict for one in book.verdicts()] == ["accepted"]
    with pytest.raises(NotFound):
        book.kept(name)
    assert [one.body for one in book.untold(9)].count(b"") == 1
    whole = b"".join(one.read_bytes() for one in (tmp_path / "suggestions").iterdir())
    assert b"c-u1" not in whole
    assert vault.known("u1") is not None  # the key is not its business


def test_of_a_customer_who_was_erased_meanwhile_counts_are_kept_and_no_key_is_made(
    book, vault, tmp_path
):
    before = vault.pseudonym("u1")
    vault.erase("u1")
    name = book.show(shown(asked=b"asked"), before)
    assert vault.known("u1") is None
    vault.pseudonym("u1")  # who comes back has a key that opens nothing of before
    for one in (name, book.show(shown(), before)):
        with pytest.raises(NotFound, match="key was erased"):
            book.kept(one)
        with pytest.raises(NotFound):
            book.judge(one, "u1", judged())
    (left,) = book.worth("agent", START, TO_COME)
    assert (left.shown, left.judged) == (2, 0)
    assert [one.body for one in book.untold(9)] == [b"", b""]


def test_no_verdict_makes_a_key_for_a_customer_who_was_erased(book, vault):
    name = show(book, shown())
    vault.erase("u1")
    with pytest.raises(NotFound):
        book.judge(name, "u1", judged())
    assert vault.known("u1") is None


def test_what_is_under_way_counts_once_it_is_finished_or_judged(book):
    ref = book._vault.pseudonym("u1")
    left, finished, taken = (book.show(shown(), ref, under_way=True) for _ in range(3))
    assert book.worth("agent", START, TO_COME) == book.untold(9) == []
    whole = shown(body="您本期应还一百元，别着急".encode(), count=3, adapter="scripts/1")
    book.finish(finished, whole)
    book.judge(taken, "u1", judged())
    book.finish(taken, whole)
    (worth,) = book.worth("agent", START, TO_COME)
    assert (worth.shown, worth.judged) == (2, 1)
    assert {one.name for one in book.untold(9)} == {finished, taken}
    assert book.body(finished, "li") == whole.body
    assert book.body(taken, "li") == book.body(left, "li") == shown().body
