"""Names of archived files: what they tell, and each way in which they do not join."""

from pathlib import Path

import pytest

from feature_store.archive_files import ArchiveFile, archived_to, files_of
from finmodel.errors import Damaged, NotReady


def folder_of(place: Path, *files: ArchiveFile) -> Path:
    folder = place / "app.login.v1"
    folder.mkdir()
    for one in files:
        (folder / one.name).touch()
    return folder


def test_files_come_in_the_logs_order_and_tell_how_far_each_partition_is(tmp_path):
    files = [
        ArchiveFile(0, 0, 0, 5),
        ArchiveFile(0, 0, 5, 10**12),
        ArchiveFile(0, 1, 40, 41),
        ArchiveFile(2**32 - 1, 0, 0, 3),
    ]
    found = files_of(folder_of(tmp_path, *reversed(files)))
    assert found == files
    assert archived_to(found, 0, 0) == 10**12
    assert archived_to(found, 0, 1) == 41
    assert archived_to(found, 2**32 - 1, 0) == 3
    assert archived_to(found, 0, 2) is None


def test_what_a_wider_file_holds_too_is_passed_over(tmp_path):
    wide, after = ArchiveFile(0, 0, 0, 9), ArchiveFile(0, 0, 9, 12)
    narrow = [ArchiveFile(0, 0, 0, 4), ArchiveFile(0, 0, 4, 7), ArchiveFile(0, 0, 7, 9)]
    assert files_of(folder_of(tmp_path, *narrow, wide, after)) == [wide, after]


@pytest.mark.parametrize(
    ("first", "said"), [(6, "leaves a hole after"), (4, "overlaps")], ids=["hole", "overlap"]
)
def test_files_that_do_not_join_are_named(tmp_path, first, said):
    before, after = ArchiveFile(7, 3, 0, 5), ArchiveFile(7, 3, first, 9)
    folder = folder_of(tmp_path, before, after, ArchiveFile(7, 4, 6, 9))
    with pytest.raises(Damaged, match=f"{after.name}: it {said} {before.name}"):
        files_of(folder)


def test_a_file_that_is_not_ours_is_named(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "notes.parquet").touch()
    with pytest.raises(Damaged, match=r"notes.parquet: it is not a file of the archive"):
        files_of(folder)


def test_a_topic_that_was_never_archived(tmp_path):
    with pytest.raises(NotReady, match=r"app.login.v1: its events are not archived; run"):
        files_of(tmp_path / "app.login.v1")
