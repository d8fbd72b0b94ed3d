"""A book's file is its user's own, and what is written in it is whole or not there."""

import sqlite3
import stat

import pytest

from finmodel.book_file import BookFile
from finmodel.errors import Damaged

TABLES = "CREATE TABLE IF NOT EXISTS word(id TEXT PRIMARY KEY);"


@pytest.fixture
def file(tmp_path):
    found = BookFile(tmp_path / "books" / "one.db", TABLES)
    yield found
    found.close()


def fail_halfway(file):
    with file.writing():
        file.change("INSERT INTO word VALUES (?)", "半")
        raise ZeroDivisionError


def test_what_fails_halfway_leaves_nothing(file):
    with pytest.raises(ZeroDivisionError):
        fail_halfway(file)
    assert file.row("SELECT * FROM word") is None
    with file.writing():
        assert file.change("INSERT INTO word VALUES (?)", "全") == 1
    assert BookFile(file.path, TABLES).rows("SELECT * FROM word") == [("全",)]


def test_nobody_else_may_read_it(file):
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_a_file_that_is_no_database_is_a_sentence(tmp_path):
    path = tmp_path / "one.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(Damaged, match=r"one\.db"):
        BookFile(path, TABLES)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(path).execute("PRAGMA user_version").fetchone()
