"""A customer's newest entry is found near the log's end, and what is new is looked at alone."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from finmodel import audit_about
from finmodel.audit import AuditLog
from finmodel.audit_about import Newest, newest_about
from finmodel.audit_segments import segment_name
from finmodel.clock import StandingClock
from finmodel.errors import Damaged, NotFound
from finmodel.vault import Vault

CLOCK = StandingClock(datetime(2026, 6, 3, 2, tzinfo=UTC))
SMALL = 4_096


@pytest.fixture
def vault(tmp_path):
    with closing(Vault(tmp_path / "vault" / "keys.db")) as made:
        yield made


@pytest.fixture
def written(tmp_path, vault):
    """A log of small segments, and a way to write a decision of a customer into it."""
    with closing(AuditLog(tmp_path / "audit", vault, CLOCK, False, segment_bytes=SMALL)) as log:

        def write(customer, number, kind="decision"):
            about = {"personal": {"customer_id": customer}, "subject": customer}
            return log.append(kind, {"number": number, "filling": "x" * 300}, **about)

        yield write


def about(tmp_path, vault, customer, known=audit_about.NOTHING):
    return newest_about(tmp_path / "audit", "decision", vault.known(customer), known)


def test_the_newest_of_a_customer_and_of_a_kind_is_found(tmp_path, vault, written):
    for number in range(5):
        names = {who: written(who, number) for who in ("7", "8")}
    written("7", 9, kind="human_look")
    for who, name in names.items():
        found = about(tmp_path, vault, who).entry
        assert (found.id, found.body["number"]) == (name, 4)
    vault.pseudonym("9")  # known, and nothing was decided
    assert about(tmp_path, vault, "9").entry is None


def test_no_more_than_the_last_segments_are_looked_at(tmp_path, vault, written):
    written("7", 0)
    for number in range(60):
        written("8", number)
    segments = sorted((tmp_path / "audit").glob("audit-*.log"))
    assert len(segments) > audit_about.SEGMENTS + 1
    assert about(tmp_path, vault, "7").entry is None
    segments[0].unlink()  # it is not even opened
    assert about(tmp_path, vault, "8").entry.body["number"] == 59


def test_who_asks_again_looks_at_what_is_new_alone(tmp_path, vault, written):
    written("7", 0)
    known = about(tmp_path, vault, "7")
    again = about(tmp_path, vault, "7", Newest(None, known.upto))
    assert again == Newest(None, known.upto)
    written("8", 1)
    assert about(tmp_path, vault, "7", known).entry == known.entry
    written("7", 2)
    assert about(tmp_path, vault, "7", Newest(None, known.upto)).entry.body["number"] == 2
    for number in range(30):  # into segments that were not there
        written("8", number)
    written("7", 3)
    assert about(tmp_path, vault, "7", known).entry.body["number"] == 3


def test_what_was_known_is_forgotten_where_something_newer_may_not_be_looked_at(
    tmp_path, vault, written
):
    written("7", 0)
    known = about(tmp_path, vault, "7")
    written("7", 1)
    for number in range(60):
        written("8", number)
    assert about(tmp_path, vault, "7", known).entry is None
    assert about(tmp_path, vault, "8", known).entry.body["number"] == 59


def test_words_that_look_like_a_pseudonym_are_no_entry(tmp_path, vault, written):
    with closing(AuditLog(tmp_path / "other", vault, CLOCK, False)) as log:
        raw = vault.pseudonym("7")
        log.append("decision", {"bytes": raw * 40})
    assert newest_about(tmp_path / "other", "decision", raw).entry is None


def test_what_cannot_be_read_is_said(tmp_path, vault, written):
    with pytest.raises(NotFound, match="there is no audit log"):
        newest_about(tmp_path / "none", "decision", bytes(16))
    written("7", 0)
    path = tmp_path / "audit" / segment_name(1)
    path.write_bytes(b"x" * 10 + path.read_bytes()[10:])
    with pytest.raises(Damaged):
        about(tmp_path, vault, "7")
