"""The log read from its end, against the same log read from its beginning."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from finmodel import audit_back
from finmodel.audit import AuditLog, scan
from finmodel.audit_back import MOST, Place, Wanted, newest
from finmodel.clock import micros
from finmodel.errors import Damaged, NotFound
from finmodel.vault import Vault

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("decision", "signed_in", "gate")
PEOPLE = ("李雷", "Wang", "Zhao")


class Running:
    """A clock that goes on by an hour each time it is asked."""

    def __init__(self):
        self.time = BEGAN

    def now(self):
        self.time += timedelta(hours=1)
        return self.time


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """300 entries over many small segments."""
    home = tmp_path_factory.mktemp("log")
    with (
        closing(Vault(home / "keys.db")) as vault,
        closing(AuditLog(home / "audit", vault, Running(), segment_bytes=4_000)) as log,
    ):
        for number in range(300):
            kind, who = KINDS[number % 3], PEOPLE[number % 7 % 3]
            body = {"name": who, "n": number} if kind == "signed_in" else {"by": who, "n": number}
            if number == 200:
                body = {"by": "Qian", "trained_by": "Sun", "n": number}
            log.append(kind, body)
    return home / "audit"


def every(folder, wanted):
    """All pages, one after the other."""
    found, before = [], None
    while True:
        page = newest(folder, wanted, before)
        found += page.entries
        if page.onward is None:
            return found
        before = page.onward


def test_all_pages_together_are_the_log_from_its_end(folder):
    first = newest(folder, Wanted())
    assert len(first.entries) == MOST
    assert [one.body["n"] for one in first.entries] == list(range(299, 249, -1))
    assert [one.id for one in every(folder, Wanted())] == [one.id for one in scan(folder)][::-1]


@pytest.mark.parametrize("person", [*PEOPLE, "Sun", "Qian", "Nobody", "n"])
@pytest.mark.parametrize("kind", ["", "signed_in", "offer"])
def test_who_and_what_are_found_wherever_they_stand(folder, person, kind):
    expected = [
        one.id
        for one in scan(folder)
        if kind in ("", one.kind)
        and person in (one.body.get("by"), one.body.get("trained_by"), one.body.get("name"))
    ]
    assert [one.id for one in every(folder, Wanted(person, kind))] == expected[::-1]


def test_a_day_is_from_its_first_microsecond_to_before_the_next(folder):
    day = BEGAN + timedelta(days=2)
    wanted = Wanted("", "", micros(day), micros(day + timedelta(days=1)))
    expected = [one.id for one in scan(folder) if day <= one.time < day + timedelta(days=1)]
    assert len(expected) > 20
    assert [one.id for one in every(folder, wanted)] == expected[::-1]


def test_a_page_reads_few_segments_and_says_where_to_go_on(folder, monkeypatch):
    read = []
    load = audit_back.load_segment

    def counted(place, number):
        read.append(number)
        return load(place, number)

    monkeypatch.setattr(audit_back, "load_segment", counted)
    page = newest(folder, Wanted("Nobody"))
    assert page.entries == ()
    assert len(read) == 4
    assert page.onward == Place(read[-1] - 1)


def test_a_place_beyond_the_end_is_the_end_and_no_log_is_refused(folder, tmp_path):
    assert newest(folder, Wanted(), Place(10_000)).onward == newest(folder, Wanted()).onward
    with pytest.raises(NotFound, match="no audit log"):
        newest(tmp_path, Wanted())


def test_a_changed_byte_is_said_with_its_place(folder, tmp_path):
    for one in folder.iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes())
    hurt = sorted(tmp_path.glob("audit-*.log"))[-2]
    data = bytearray(hurt.read_bytes())
    data[len(data) // 2] ^= 1
    hurt.write_bytes(bytes(data))
    with pytest.raises(Damaged) as told:
        every(tmp_path, Wanted())
    assert told.value.where.startswith(hurt.name)
