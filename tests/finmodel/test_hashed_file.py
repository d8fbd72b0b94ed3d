"""A file that is changed in place is noticed, and one that is not is not read again."""

import hashlib
import os

import pytest

from finmodel import hashed_file
from finmodel.errors import Damaged, NotFound
from finmodel.hashed_file import Hashed, hashed, still


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(100))
    return tmp_path / "model.gguf"


def never(_):
    raise AssertionError("it was read")


def test_an_unchanged_file_is_not_read_again(path, monkeypatch):
    known = hashed(path)
    assert known.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(hashed_file, "sha256_of", never)
    assert still(known) is known
    assert hashed(path, known.sha256) == known


def test_bytes_that_changed_in_place_are_noticed_whatever_their_time_says(path):
    known, told = hashed(path), path.stat()
    with path.open("r+b") as file:
        file.seek(50)
        file.write(b"x")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    with pytest.raises(Damaged, match=r"not those of when it was brought .*add it again"):
        still(known)


def test_another_mark_of_the_same_bytes_is_kept(path, tmp_path):
    known = hashed(path)
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole)
    now = still(known)
    assert now.sha256 == known.sha256
    assert now.mark != known.mark
    assert still(Hashed(str(path), known.sha256)) == now
    with pytest.raises(Damaged, match="not noted"):
        still(Hashed(str(path), ""))
    path.unlink()
    with pytest.raises(NotFound, match="no such file"):
        still(known)


def test_a_file_whose_hash_nobody_noted_is_to_be_brought_again(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    with pytest.raises(Damaged, match="not noted when it was brought; bring it again"):
        still(Hashed(str(path), ""))
