from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel.audit import AuditLog, Entry, Personal, find, latest, scan
from finmodel.audit_format import HEADER_BYTES, parse_id
from finmodel.audit_segments import segment_name
from finmodel.clock import StandingClock, parse_time
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.vault import Vault

NOON = parse_time("2026-03-01T12:00:00.000001+08:00")
again_and_again = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with closing(Vault(tmp_path / "keys" / "keys.db")) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def log(folder: Path, vault: Vault) -> Iterator[AuditLog]:
    with closing(AuditLog(folder, vault, StandingClock(NOON), False)) as opened:
        yield opened


@again_and_again
@given(st.dictionaries(st.text(), json_like, max_size=4), st.sampled_from(["decision", "people"]))
def test_an_entry_comes_back_as_it_was_given(
    log: AuditLog, folder: Path, body: dict[str, Any], kind: str
) -> None:
    entry = find(folder, log.append(kind, body))
    assert repr(entry.body) == repr(body)
    assert (entry.kind, entry.time, entry.pseudonym) == (kind, NOON, None)
    assert (entry.personal_state, entry.personal) == (Personal.NONE, None)


def test_the_bits_of_columns_are_kept(log: AuditLog, folder: Path) -> None:
    odd = np.array([np.nan, -0.0, np.inf, 1e-42], np.float32)
    odd.view(np.uint32)[0] = 0x7FC0_1234
    entry = find(folder, log.append("decision", {}, columns={"vector": odd, "score": 0.1, "n": 7}))
    assert entry.columns["vector"].tobytes() == odd.tobytes()
    assert struct.pack("<d", entry.columns["score"]) == struct.pack("<d", 0.1)
    assert entry.columns["n"].dtype == np.int64


def test_personal_data_is_open_sealed_or_erased(log: AuditLog, folder: Path, vault: Vault) -> None:
    told = {"name": "王小明", "phone": "13800138000"}
    name = log.append("decision", {"a": 1}, personal=told, subject="customer-77")
    opened = find(folder, name, vault)
    assert (opened.personal_state, opened.personal) == (Personal.OPEN, told)
    sealed = find(folder, name)
    assert (sealed.personal_state, sealed.personal) == (Personal.SEALED, None)
    assert vault.erase("customer-77")
    erased = find(folder, name, vault)
    assert (erased.personal_state, erased.personal) == (Personal.ERASED, None)
    assert erased.body == {"a": 1}


def test_nothing_personal_stands_in_the_log_in_clear(log: AuditLog, folder: Path) -> None:
    log.append("decision", {}, personal={"name": "王小明"}, subject="customer-77")
    log.append("decision", {}, subject="customer-77")
    written = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"customer-77" not in written
    assert "王小明".encode() not in written


def test_a_customers_entries_are_found_with_the_vault_until_the_erasure(
    log: AuditLog, folder: Path, vault: Vault
) -> None:
    ids = [log.append("decision", {}, subject=f"c{i % 3}") for i in range(9)]
    found = [entry.id for entry in scan(folder, vault=vault, subject="c1")]
    assert found == ids[1::3]
    assert not list(scan(folder, vault=vault, subject="never seen"))
    vault.erase("c1")
    assert not list(scan(folder, vault=vault, subject="c1"))
    with pytest.raises(BadInput, match="vault"):
        list(scan(folder, subject="c1"))


def test_after_an_erasure_a_customer_is_somebody_new(
    log: AuditLog, folder: Path, vault: Vault
) -> None:
    before = find(folder, log.append("decision", {}, personal={"a": 1}, subject="c"), vault)
    vault.erase("c")
    after = find(folder, log.append("decision", {}, personal={"a": 2}, subject="c"), vault)
    assert before.pseudonym != after.pseudonym
    assert after.personal == {"a": 2}


def test_personal_data_of_no_one_is_refused(log: AuditLog) -> None:
    with pytest.raises(BadInput, match="subject"):
        log.append("decision", {}, personal={"name": "x"})


def test_a_scan_is_in_order_and_of_one_kind_if_asked(log: AuditLog, folder: Path) -> None:
    ids = [log.append("decision" if i % 2 else "score", {"i": i}) for i in range(10)]
    assert [entry.id for entry in scan(folder)] == ids
    assert [entry.body["i"] for entry in scan(folder, "decision")] == [1, 3, 5, 7, 9]
    assert not list(scan(folder, "people"))


def test_the_latest_of_a_kind_come_first_over_segments(folder: Path, vault: Vault) -> None:
    with closing(AuditLog(folder, vault, StandingClock(NOON), False, segment_bytes=4096)) as log:
        for i in range(200):
            log.append("act" if i in (3, 4, 150) else "decision", {"i": i, "pad": "x" * 100})
        assert (folder / segment_name(5)).exists()
        assert [entry.body["i"] for entry in latest(folder, "act")] == [150, 4, 3]
        assert [entry.id for entry in latest(folder, "act")] == [
            entry.id for entry in reversed(list(scan(folder, "act")))
        ]
        assert [entry.body["i"] for entry in latest(folder, "act", since=2)] == [150]
        assert not list(latest(folder, "people"))
    with pytest.raises(NotFound):
        next(latest(folder / "none", "act"))


def test_the_latest_are_not_told_from_a_log_that_was_altered(folder: Path, vault: Vault) -> None:
    with closing(AuditLog(folder, vault, StandingClock(NOON), False, segment_bytes=4096)) as log:
        for i in range(100):
            log.append("decision" if i else "act", {"i": i, "pad": "x" * 100})
    first, second = folder / segment_name(1), folder / segment_name(2)
    whole = first.read_bytes()
    first.write_bytes(whole.replace(b"xx", b"xy", 1))
    with pytest.raises(Damaged, match=r"audit-000001\.log at byte"):
        list(latest(folder, "act"))
    first.write_bytes(whole[:-8])
    with pytest.raises(Damaged, match="the segment after it does not follow it"):
        list(latest(folder, "act"))
    first.write_bytes(whole)
    second.unlink()
    with pytest.raises(Damaged, match="the segment is missing"):
        list(latest(folder, "act"))


def test_times_keep_their_microseconds(log: AuditLog, folder: Path) -> None:
    entry = find(folder, log.append("decision", {}))
    assert entry.time - NOON == timedelta(0)
    assert entry.time_us % 1_000_000 == 1


@pytest.mark.parametrize(
    "name",
    [
        "",
        "decision",
        "a000001-00000068-000000000000",
        "a000002-00000068-000000000000",
        "a000001-ffffffff-000000000000",
        "a000001-00000000-000000000000",
        "../../etc/passwd",
    ],
)
def test_an_id_that_was_never_given_is_not_found(log: AuditLog, folder: Path, name: str) -> None:
    log.append("decision", {})
    with pytest.raises(NotFound):
        find(folder, name)


def test_the_id_of_a_shape_is_not_an_entrys(log: AuditLog, folder: Path) -> None:
    entry = log.append("decision", {})
    data = (folder / segment_name(1)).read_bytes()
    digest = data[parse_id(entry)[1] - 32 :][:6]
    with pytest.raises(NotFound):
        find(folder, f"a000001-{HEADER_BYTES:08x}-{digest.hex()}")


def test_a_log_that_is_not_there_has_no_entries(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        find(tmp_path / "none", "a000001-00000068-000000000000")


@again_and_again
@given(st.integers(0, 500), st.integers(0, 7))
def test_an_altered_entry_is_refused(
    log: AuditLog, folder: Path, vault: Vault, place: int, bit: int
) -> None:
    name = log.append("decision", {"amount_minor": 100}, personal={"a": 1}, subject="c")
    path, start = folder / segment_name(1), parse_id(name)[1]
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[start + place % (len(whole) - start)] ^= 1 << bit
    path.write_bytes(changed)
    try:
        with pytest.raises((Damaged, NotFound)):
            find(folder, name, vault)
    finally:
        path.write_bytes(whole)
    assert isinstance(find(folder, name, vault), Entry)


def test_a_frame_forged_inside_a_body_is_not_an_entry(log: AuditLog, folder: Path) -> None:
    """A client that hides a whole frame of another log in what it sends cannot have it shown."""
    log.append("decision", {"answer": "approve"})
    other = (folder / segment_name(1)).read_bytes()
    hidden = next(iter(scan(folder))).id
    second = folder.parent / "two"
    with (
        closing(Vault(folder.parent / "other.db")) as keys,
        closing(AuditLog(second, keys, StandingClock(NOON), False)) as two,
    ):
        bait = np.frombuffer(other, np.uint8)
        name = two.append("decision", {}, columns={"bait": bait})
    at = (second / segment_name(1)).read_bytes().index(other)
    _, offset, digest = parse_id(hidden)
    with pytest.raises(NotFound):
        find(second, f"a000001-{at + offset:08x}-{digest.hex()}")
    assert find(second, name).columns["bait"].tobytes() == other
