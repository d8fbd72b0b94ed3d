"""A signed folder takes the place of another, or the other stays."""

import os
from contextlib import suppress

import pytest

from finmodel.signed_folders import mend_replaced, replace_signed, write_signed
from finmodel.signing import ensure_key, verify_folder

ALLOWED = frozenset({"a"})


@pytest.fixture
def keys(tmp_path):
    ensure_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_who_is_killed_between_renames_loses_nothing(tmp_path, keys, monkeypatch, renames):
    folder = tmp_path / "plans" / "1"
    write_signed(folder, {"a": b"old"}, keys)
    rename, done = os.rename, []

    def killed(source, target):
        if len(done) > renames:  # the first makes the new folder aside
            raise KeyboardInterrupt
        done.append(source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed)
    with suppress(KeyboardInterrupt):
        replace_signed(folder, {"a": b"new"}, keys)
    monkeypatch.undo()
    mend_replaced(folder.parent)
    assert verify_folder(folder, keys, ALLOWED)["a"] == (b"new" if renames == 2 else b"old")
    replace_signed(folder, {"a": b"newest"}, keys)
    assert verify_folder(folder, keys, ALLOWED)["a"] == b"newest"
    assert [one.name for one in folder.parent.iterdir()] == ["1"]
