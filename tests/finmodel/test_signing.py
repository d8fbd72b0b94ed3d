from __future__ import annotations

import base64
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finmodel import signing
from finmodel.errors import BadInput, Damaged, NotFound, NotReady, Refused
from finmodel.signing import (
    check_pair,
    ensure_key,
    key_id,
    sign_bytes,
    sign_folder,
    verify_bytes,
    verify_folder,
)

NAMES = frozenset({"model.txt", "manifest.json"})
again_and_again = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    ensure_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def folder(tmp_path: Path, keys: Path) -> Path:
    """A signed folder of two files."""
    made = tmp_path / "export"
    made.mkdir()
    (made / "model.txt").write_bytes(b"tree\nversion=v4\n" * 10)
    (made / "manifest.json").write_bytes(b'{"name": "behaviour_risk"}')
    sign_folder(made, keys)
    return made


def test_the_verified_bytes_are_the_files(folder: Path, keys: Path) -> None:
    told = verify_folder(folder, keys, NAMES)
    assert told == {name: (folder / name).read_bytes() for name in NAMES}


def test_the_signature_is_ed25519_over_each_digest_and_size(folder: Path, keys: Path) -> None:
    document = json.loads((folder / "SIGNATURE.json").read_bytes())
    public: Any = load_pem_public_key((keys / "signing.pub").read_bytes())
    message = b"finmodel signature 1\0folder\0" + document["signed"].encode()
    public.verify(bytes.fromhex(document["signature"]), message)
    listing = json.loads(document["signed"])
    assert listing["format"] == 1
    for name in NAMES:
        data = (folder / name).read_bytes()
        assert listing["files"][name] == {"sha256": sha256(data).hexdigest(), "size": len(data)}
    assert document["key_id"] == key_id(keys) == sha256(public.public_bytes_raw()).hexdigest()[:16]


def test_verifying_needs_the_public_half_only(folder: Path, keys: Path, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    serving.mkdir()
    shutil.copy(keys / "signing.pub", serving)
    assert verify_folder(folder, serving, NAMES).keys() == NAMES
    with pytest.raises(NotReady, match="key"):
        sign_folder(folder, serving)
    with pytest.raises(Refused, match="public half"):
        ensure_key(serving)


@again_and_again
@given(st.sampled_from([*sorted(NAMES), "SIGNATURE.json"]), st.integers(0), st.integers(0, 7))
def test_any_bit_changed_is_damage(
    folder: Path, keys: Path, name: str, place: int, bit: int
) -> None:
    path = folder / name
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[place % len(whole)] ^= 1 << bit
    path.write_bytes(changed)
    try:
        with pytest.raises(Damaged, match=name):
            verify_folder(folder, keys, NAMES)
    finally:
        path.write_bytes(whole)


def test_one_signature_has_one_spelling(folder: Path, keys: Path) -> None:
    path = folder / "SIGNATURE.json"
    document = json.loads(path.read_bytes())
    whole = path.read_text()
    path.write_text(whole.replace(document["signature"], document["signature"].upper()))
    with pytest.raises(Damaged, match=r"SIGNATURE\.json"):
        verify_folder(folder, keys, NAMES)


def add(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"\x80\x04.")


def add_hidden(folder: Path) -> None:
    (folder / ".model.txt").write_bytes(b"")


def remove(folder: Path) -> None:
    (folder / "model.txt").unlink()


def rename(folder: Path) -> None:
    (folder / "model.txt").rename(folder / "model2.txt")


def swap(folder: Path) -> None:
    (folder / "model.txt").rename(folder / "aside")
    (folder / "manifest.json").rename(folder / "model.txt")
    (folder / "aside").rename(folder / "manifest.json")


def link(folder: Path) -> None:
    (folder / "model.txt").rename(folder.parent / "model.txt")
    (folder / "model.txt").symlink_to(folder.parent / "model.txt")


def pipe(folder: Path) -> None:
    (folder / "model.txt").unlink()
    os.mkfifo(folder / "model.txt")


def subfolder(folder: Path) -> None:
    (folder / "model.txt").unlink()
    (folder / "model.txt").mkdir()


def longer(folder: Path) -> None:
    with (folder / "model.txt").open("ab") as file:
        file.write(b"\n")


def unsigned(folder: Path) -> None:
    (folder / "SIGNATURE.json").unlink()


def no_signature(folder: Path) -> None:
    (folder / "SIGNATURE.json").write_bytes(b"[]")


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (add, "model.pkl"),
        (add_hidden, ".model.txt"),
        (remove, "model.txt"),
        (rename, "model.txt|model2.txt"),
        (swap, "model.txt|manifest.json"),
        (link, "model.txt"),
        (pipe, "model.txt"),
        (subfolder, "model.txt"),
        (longer, "model.txt"),
        (unsigned, "SIGNATURE.json"),
        (no_signature, "SIGNATURE.json"),
    ],
)
def test_a_folder_that_is_not_as_signed_is_damage(
    folder: Path, keys: Path, spoil: Callable[[Path], None], names: str
) -> None:
    spoil(folder)
    with pytest.raises(Damaged, match=names):
        verify_folder(folder, keys, NAMES)


def test_a_link_in_the_folders_place_is_damage(folder: Path, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(Damaged, match="link"):
        verify_folder(tmp_path / "link", keys, NAMES)
    with pytest.raises(NotFound):
        verify_folder(tmp_path / "none", keys, NAMES)


def test_a_signed_file_of_another_name_may_not_be_loaded(folder: Path, keys: Path) -> None:
    add(folder)
    sign_folder(folder, keys)
    with pytest.raises(Damaged, match=r"model\.pkl"):
        verify_folder(folder, keys, NAMES)


def test_a_file_larger_than_the_limit_is_not_read(folder: Path, keys: Path) -> None:
    assert verify_folder(folder, keys, NAMES, largest=160)
    with pytest.raises(Damaged, match=r"model\.txt.*larger"):
        verify_folder(folder, keys, NAMES, largest=159)


def test_another_keys_signature_is_damage(folder: Path, keys: Path, tmp_path: Path) -> None:
    ensure_key(tmp_path / "others")
    sign_folder(folder, tmp_path / "others")
    with pytest.raises(Damaged, match=r"SIGNATURE\.json.*another key"):
        verify_folder(folder, keys, NAMES)
    claimed = (folder / "SIGNATURE.json").read_text()
    claimed = claimed.replace(key_id(tmp_path / "others"), key_id(keys))
    (folder / "SIGNATURE.json").write_text(claimed)
    with pytest.raises(Damaged, match=r"SIGNATURE\.json.*does not hold"):
        verify_folder(folder, keys, NAMES)


@pytest.mark.parametrize("form", [0, 2, "1", None])
def test_another_format_is_refused_even_if_signed(folder: Path, keys: Path, form: object) -> None:
    document = json.loads((folder / "SIGNATURE.json").read_bytes())
    signed = json.dumps(json.loads(document["signed"]) | {"format": form})
    private: Any = load_pem_private_key((keys / "signing.key").read_bytes(), None)
    signature = private.sign(b"finmodel signature 1\0folder\0" + signed.encode()).hex()
    forged = document | {"signed": signed, "signature": signature}
    (folder / "SIGNATURE.json").write_text(json.dumps(forged, indent=2))
    with pytest.raises(Damaged, match=r"SIGNATURE\.json.*(format|not a signature)"):
        verify_folder(folder, keys, NAMES)


def test_each_file_is_opened_once(
    folder: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = os.open

    def noting(path: Any, *rest: Any, **more: Any) -> int:
        opened.append(os.path.basename(path))
        return real(path, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", noting)
        verify_folder(folder, keys, NAMES)
    assert sorted(opened) == sorted([*NAMES, "SIGNATURE.json", folder.name])


def test_only_plain_files_are_signed(folder: Path, keys: Path) -> None:
    (folder / "deeper").mkdir()
    with pytest.raises(BadInput, match="deeper"):
        sign_folder(folder, keys)


def test_a_folder_is_signed_again_after_a_change(folder: Path, keys: Path) -> None:
    longer(folder)
    sign_folder(folder, keys)
    assert verify_folder(folder, keys, NAMES)["model.txt"].endswith(b"\n\n")
    assert {path.name for path in folder.iterdir()} == NAMES | {"SIGNATURE.json"}


def test_a_key_is_made_once_and_for_its_owner_alone(keys: Path) -> None:
    before = (keys / "signing.key").read_bytes(), (keys / "signing.pub").read_bytes()
    ensure_key(keys)
    assert before == ((keys / "signing.key").read_bytes(), (keys / "signing.pub").read_bytes())
    assert keys.stat().st_mode & 0o777 == 0o700
    assert (keys / "signing.key").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in keys.iterdir()} == {"signing.key", "signing.pub"}


def test_processes_that_race_agree_on_the_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    racers = [context.Process(target=ensure_key, args=(tmp_path / "keys",)) for _ in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [racer.exitcode for racer in racers] == [0] * 6
    sign_bytes(b"x", tmp_path / "keys")
    assert len(list((tmp_path / "keys").iterdir())) == 2


def test_a_lost_public_half_is_made_again(keys: Path) -> None:
    before = (keys / "signing.pub").read_bytes()
    (keys / "signing.pub").unlink()
    ensure_key(keys)
    assert (keys / "signing.pub").read_bytes() == before


def test_halves_that_do_not_match_are_damage(keys: Path, tmp_path: Path) -> None:
    ensure_key(tmp_path / "others")
    shutil.copy(tmp_path / "others" / "signing.pub", keys)
    with pytest.raises(Damaged, match="halves"):
        ensure_key(keys)


def test_a_private_key_that_others_may_read_is_refused(folder: Path, keys: Path) -> None:
    (keys / "signing.key").chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        sign_folder(folder, keys)


def test_a_pair_is_checked_without_making_what_is_missing(keys: Path) -> None:
    assert check_pair(keys) == (key_id(keys), True)
    (keys / "signing.key").unlink()
    assert check_pair(keys) == (key_id(keys), False)
    (keys / "signing.pub").unlink()
    with pytest.raises(NotReady, match="there is no key"):
        check_pair(keys)
    assert list(keys.iterdir()) == []


@pytest.mark.parametrize("name", ["signing.key", "signing.pub"])
def test_what_is_no_key_is_damage(keys: Path, name: str) -> None:
    (keys / name).write_bytes(b"-----BEGIN NOTHING-----")
    with pytest.raises(Damaged, match=name):
        ensure_key(keys)


@given(st.binary(max_size=50), st.binary(max_size=50))
@again_and_again
def test_a_document_is_signed_for_one_context(keys: Path, data: bytes, other: bytes) -> None:
    signature = sign_bytes(data, keys, context="champion")
    verify_bytes(data, signature, keys, context="champion")
    with pytest.raises(Damaged, match="anchor"):
        verify_bytes(data, signature, keys, context="anchor")
    with pytest.raises(Damaged, match="document"):
        verify_bytes(data, signature, keys)
    if other != data:
        with pytest.raises(Damaged):
            verify_bytes(other, signature, keys, context="champion")


def test_a_document_never_passes_for_a_folder(folder: Path, keys: Path) -> None:
    document = json.loads((folder / "SIGNATURE.json").read_bytes())
    for context in ("folder", "document"):
        signature = sign_bytes(document["signed"].encode(), keys, context=context)
        forged = json.dumps(document | {"signature": signature.hex()}, indent=2)
        (folder / "SIGNATURE.json").write_text(forged)
        with pytest.raises(Damaged, match="does not hold"):
            verify_folder(folder, keys, NAMES)
    with pytest.raises(BadInput):
        sign_bytes(b"", keys, context="a\0b")


def test_no_error_tells_a_secret(folder: Path, keys: Path) -> None:
    secret = base64.b64encode(signing._private_key(keys).private_bytes_raw()).decode()
    spoiled = (keys / "signing.key").read_bytes().replace(b"PRIVATE", b"PRIVAT3")
    (keys / "signing.key").write_bytes(spoiled)
    with pytest.raises(Damaged) as caught:
        sign_folder(folder, keys)
    assert secret[:8] not in str(caught.value)
