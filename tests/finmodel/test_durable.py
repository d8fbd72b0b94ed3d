from __future__ import annotations

import errno
from pathlib import Path

import pytest

from finmodel.durable import disk_error, held_alone, made_aside, replace_file, write_file
from finmodel.errors import Damaged, FinmodelError, NoRoom, Refused


def test_a_replaced_file_is_the_new_one_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"old")
    replace_file(tmp_path / "a", b"new", 0o644)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"kept")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FinmodelError):
        write_file(tmp_path / "link", b"new")
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"


def test_a_full_disk_is_said_so() -> None:
    # /dev/full refuses each write as a full disk does.
    with pytest.raises(NoRoom):
        write_file(Path("/dev/full"), b"x" * 10_000)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, NoRoom), (errno.EFBIG, NoRoom), (errno.EROFS, Refused), (errno.EIO, Damaged)],
)
def test_each_refusal_of_the_disk_has_its_meaning(number: int, kind: type[FinmodelError]) -> None:
    assert type(disk_error(OSError(number, "so"), Path("a"))) is kind


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_made_aside_is_whole_or_not_there(tmp_path, kind):
    def make(place, content):
        if kind == "folder":
            place.mkdir()
            place = place / "part"
        place.write_text(content)

    path = tmp_path / "made"
    stopped = made_aside(path)
    make(stopped.__enter__(), "torn")
    assert not stopped.__exit__(KeyError, KeyError("stopped"), None), "it was swallowed"
    assert list(tmp_path.iterdir()) == []
    make(tmp_path / ".made.aside", "of a process that was killed")
    with made_aside(path) as aside:
        make(aside, "whole")
    assert list(tmp_path.iterdir()) == [path]
    assert (path / "part" if kind == "folder" else path).read_text() == "whole"
    nowhere = made_aside(tmp_path / "nowhere" / "x")
    nowhere.__enter__()
    with pytest.raises(Damaged, match="x: No such file or directory"):
        nowhere.__exit__(None, None, None)


def test_a_lock_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / ".lock").mkdir()
    with (
        pytest.raises(Damaged, match=r"\.lock: Is a directory; check the disk"),
        held_alone(tmp_path / ".lock", FinmodelError("busy")),
    ):
        pass
