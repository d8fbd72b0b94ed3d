from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel import vault as vault_module
from finmodel.errors import BadInput, Damaged, NoRoom, NotFound, NotReady, Refused
from finmodel.vault import Vault

again_and_again = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault" / "keys.db"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    with closing(Vault(path)) as opened:
        yield opened


def key_bytes(path: Path, number: int) -> bytes:
    """The secret bytes of a key, read past the vault."""
    with closing(sqlite3.connect(path)) as db:
        row = db.execute("SELECT key FROM keys WHERE number = ?", (number,)).fetchone()
    assert isinstance(row[0], bytes)
    return row[0]


def on_disk(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


@again_and_again
@given(st.text(min_size=1, max_size=256).filter(lambda s: "\ud800" not in s), st.binary())
def test_what_is_sealed_opens(vault: Vault, subject: str, data: bytes) -> None:
    sealed = vault.seal(subject, data)
    assert vault.open(vault.pseudonym(subject), sealed) == data
    assert len(data) < 8 or data not in sealed


def test_it_is_aes_gcm_under_the_customers_own_key(vault: Vault, path: Path) -> None:
    sealed = vault.seal("c1", b"secret")
    number = int.from_bytes(sealed[1:9], "little")
    cipher = AESGCM(key_bytes(path, number)[:32])
    pseudonym = vault.pseudonym("c1")
    assert cipher.decrypt(sealed[9:21], sealed[21:], pseudonym) == b"secret"
    with pytest.raises(InvalidTag):
        cipher.decrypt(sealed[9:21], sealed[21:], vault.pseudonym("c2"))


def test_each_customer_has_a_pseudonym_that_lasts(vault: Vault, path: Path) -> None:
    names = [f"c{i}" for i in range(50)]
    once = [vault.pseudonym(name) for name in names]
    assert len(set(once)) == 50
    assert {len(each) for each in once} == {16}
    with closing(Vault(path)) as other:
        assert [other.pseudonym(name) for name in names] == once


def test_two_vaults_know_a_customer_by_different_pseudonyms(vault: Vault, tmp_path: Path) -> None:
    with closing(Vault(tmp_path / "other.db")) as other:
        assert other.pseudonym("c1") != vault.pseudonym("c1")
        with pytest.raises(NotFound):
            other.open(vault.pseudonym("c1"), vault.seal("c1", b"x"))


def test_the_same_bytes_are_never_sealed_alike(vault: Vault) -> None:
    assert len({vault.seal("c1", b"same") for _ in range(100)}) == 100


@again_and_again
@given(st.integers(0), st.integers(0, 7))
def test_an_altered_seal_does_not_open(vault: Vault, place: int, bit: int) -> None:
    sealed = bytearray(vault.seal("c1", b"some personal data"))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises((Damaged, NotFound)):
        vault.open(vault.pseudonym("c1"), bytes(sealed))


@pytest.mark.parametrize("cut", [b"", b"\x01", b"\x01" + bytes(8), b"\x02" + bytes(30)])
def test_what_is_no_seal_does_not_open(vault: Vault, cut: bytes) -> None:
    with pytest.raises((Damaged, NotFound)):
        vault.open(vault.pseudonym("c1"), cut)


def test_erased_is_erased_for_good(vault: Vault, path: Path) -> None:
    sealed, pseudonym = vault.seal("c1", b"secret"), vault.pseudonym("c1")
    assert vault.known("c1") == pseudonym
    assert vault.erase("c1")
    assert vault.known("c1") is None
    with pytest.raises(NotFound, match="erased"):
        vault.open(pseudonym, sealed)
    assert not vault.erase("c1")
    with closing(Vault(path)) as other, pytest.raises(NotFound, match="erased"):
        other.open(pseudonym, sealed)
    assert vault.pseudonym("c1") != pseudonym


@pytest.mark.parametrize("tidy", [True, False])
def test_no_byte_of_an_erased_key_stays_on_the_disk(vault: Vault, path: Path, tidy: bool) -> None:
    names = [f"c{i}" for i in range(2000)]
    for start in range(0, len(names), 40):
        vault.keys_of(names[start : start + 40])
    secrets = {name: key_bytes(path, vault.keys_of([name])[name].number) for name in names}
    gone = names[::200]
    assert all(vault.erase(name, tidy=tidy) for name in gone)
    there = on_disk(path)
    assert not any(secrets[name][:16] in there for name in gone)
    assert not any(secrets[name][48:] in there for name in gone)
    assert all(secrets[name] in there for name in names if name not in gone)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_no_customers_id_stands_in_the_file(vault: Vault, path: Path) -> None:
    vault.seal("customer-4711", b"x")
    assert b"customer-4711" not in on_disk(path)


def test_an_erasure_elsewhere_is_noticed(
    vault: Vault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = vault.pseudonym("c1")
    with closing(Vault(path)) as other:
        assert other.erase("c1")
    assert vault.known("c1") is None
    monkeypatch.setattr(vault_module, "_ASK_EVERY_S", 0.0)
    assert vault.pseudonym("c1") != before


def test_few_keys_stay_in_memory_and_all_are_found(path: Path) -> None:
    with closing(Vault(path, cached=3)) as vault:
        names = [f"c{i}" for i in range(20)]
        found = vault.keys_of(names)
        assert {name: key.pseudonym for name, key in found.items()} == {
            name: vault.pseudonym(name) for name in reversed(names)
        }
        assert len(vault._keys) == 3


RACE = """
import sys
from pathlib import Path
from finmodel.vault import Vault
vault = Vault(Path(sys.argv[1]))
print(*[vault.pseudonym(f"c{i}").hex() for i in range(200)])
"""


def test_processes_that_race_agree_on_the_keys(path: Path) -> None:
    Vault(path).close()
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, path], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    told = {racer.communicate()[0] for racer in racers}
    assert len(told) == 1
    assert len(set(told.pop().split())) == 200


def test_threads_that_race_agree_on_the_keys(vault: Vault) -> None:
    told: list[list[bytes]] = []
    names = [f"c{i}" for i in range(50)]
    threads = [
        threading.Thread(target=lambda: told.append([vault.pseudonym(name) for name in names]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 4
    assert all(each == told[0] for each in told)


def test_a_key_is_synced_when_asked_and_only_then(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.sync()
    calls: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", calls.append)
        patch.setattr(os, "fdatasync", calls.append)
        vault.seal("c1", b"x")
        assert vault.unsynced
        assert not calls
        vault.sync()
        assert len(calls) == 1
    assert not vault.unsynced
    vault.seal("c1", b"y")
    assert not vault.unsynced


def test_tending_shortens_the_journal_and_loses_nothing(vault: Vault, path: Path) -> None:
    for n in range(25):
        assert not vault.untended
        vault.keys_of(f"c{n}-{i}" for i in range(40))
    assert vault.untended
    before = vault.pseudonym("c1-1")
    size = path.stat().st_size
    vault.tend()
    assert not vault.untended
    assert path.stat().st_size > size
    assert vault.pseudonym("c1-1") == before


def test_the_file_is_for_its_owner_alone(vault: Vault, path: Path) -> None:
    vault.seal("c1", b"x")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    Vault(path).close()
    path.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        Vault(path)


def test_a_file_that_is_no_vault_is_damage(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)
    path.chmod(0o600)
    with pytest.raises(Damaged, match=r"keys\.db"):
        Vault(path)


@pytest.mark.parametrize("subject", ["", "x" * 257])
def test_a_customers_id_has_a_length_and_is_not_told(vault: Vault, subject: str) -> None:
    with pytest.raises(BadInput) as caught:
        vault.seal(subject, b"x")
    assert "xxx" not in str(caught.value)


def test_a_vault_that_another_holds_is_busy(vault: Vault, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        vault._db.execute("PRAGMA busy_timeout = 10")
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotReady, match="locked"):
            vault.seal("c1", b"x")
        db.execute("ROLLBACK")
    assert vault.seal("c1", b"x")


def test_a_full_vault_says_so_and_goes_on(vault: Vault) -> None:
    pages = vault._db.execute("PRAGMA page_count").fetchone()[0]
    vault._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(NoRoom):
        vault.keys_of(f"c{i}" for i in range(5000))
    vault._db.execute("PRAGMA max_page_count = 1000000")
    assert vault.known("c1") is None
    assert vault.seal("c1", b"x")


def test_a_closed_vault_is_closed(path: Path) -> None:
    vault = Vault(path)
    vault.close()
    with pytest.raises(NotReady, match="closed"):
        vault.seal("c1", b"x")
    with pytest.raises(NotReady, match="closed"):
        vault.sync()
