"""What people did is found after a place, across segments, and nothing before it or of others."""

from contextlib import closing

import pytest

from finmodel.audit import AuditLog, read_columns, scan
from finmodel.audit_entries import find
from finmodel.audit_format import parse_id
from finmodel.audit_since import BEGINNING, Place, entries_since, segments_since
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import NotFound
from finmodel.vault import Vault

CLOCK = StandingClock(parse_time("2026-01-01T00:00:00+08:00"))


@pytest.fixture
def written(tmp_path):
    """Acts among other entries, over several segments; the acts' ids."""
    folder = tmp_path / "audit"
    with (
        closing(Vault(tmp_path / "vault" / "keys.db")) as vault,
        closing(AuditLog(folder, vault, CLOCK, False, segment_bytes=2048)) as log,
    ):
        ids = []
        for number in range(60):
            log.append("decision", {"n": number}, columns={"points": float(number)})
            if number % 5 == 0:
                ids.append(log.append("act", {"n": number}))
    return folder, ids


def read(folder, place):
    return [
        entry.id
        for new in segments_since(folder, place)
        for entry in entries_since(folder, "act", new)
    ]


def test_all_are_found_and_all_after_any_of_them(written):
    folder, ids = written
    assert parse_id(ids[-1])[0] > 2
    assert read(folder, BEGINNING) == ids == [one.id for one in scan(folder, "act")]
    for place, one in enumerate(ids):
        segment, at, _ = parse_id(one)
        assert read(folder, Place(segment, at)) == ids[place:]
        assert read(folder, Place(segment, at + 8)) == ids[place + 1 :]
    assert find(folder, ids[3]).body == {"n": 15}
    assert len(read_columns(folder, "decision")["points"]) == 60


def test_a_kind_that_never_was_and_a_log_that_is_not(written, tmp_path):
    folder, _ = written
    assert [
        one for new in segments_since(folder, BEGINNING) for one in entries_since(folder, "no", new)
    ] == []
    with pytest.raises(NotFound, match="no audit log"):
        list(segments_since(tmp_path / "nowhere", BEGINNING))
