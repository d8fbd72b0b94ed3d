"""Events as Parquet, against the log that they came from: each once, whoever is killed when."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_store import archive, event_log
from feature_store.archive import archive_log, archive_schema
from feature_store.archive_files import files_of
from feature_store.archive_key import Archive
from feature_store.event_columns import read_columns
from feature_store.event_log import FileEventLog, append_all
from feature_store.event_segments import Frame, append_frame
from finmodel.durable import held_alone
from finmodel.errors import Damaged, FinmodelError, NotReady
from finmodel.events import LoggedIn
from finmodel.lender.simulated import Lender

LOGIN = "app.login.v1"
KEY = bytes(range(32))
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> FileEventLog:
    """A lender's log in small batches."""
    folder = tmp_path_factory.mktemp("events")
    with pytest.MonkeyPatch.context() as patch, FileEventLog(folder, write=True) as opened:
        patch.setattr(event_log, "CHUNK", 200)
        append_all(opened, Lender(customers=150, days=60, seed=8, twice_share=0.1).events())
    return FileEventLog(folder)


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(archive, "FILE_EVENTS", 100)


def login(customer: int, number: int) -> LoggedIn:
    at = NOON + timedelta(minutes=number)
    return LoggedIn(
        event_id=f"e{number}",
        customer_id=customer,
        occurred_at=at,
        known_at=at,
        channel="app",
        status="success",
    )


def archived(folder: Path, topic: str) -> pa.Table:
    paths = [folder / topic / one.name for one in files_of(folder / topic)]
    return pa.concat_tables([archive_schema(topic).empty_table(), *map(pq.read_table, paths)])


def assert_each_once(folder: Path, log: FileEventLog) -> None:
    """SQL finds the log's very rows in the archive, in the log's order, and no more."""
    for topic in log.topics():
        ours, theirs = archived(folder, topic), read_columns(log, topic)
        names = ", ".join(name for name in theirs.column_names if name != "customer_id")
        with duckdb.connect() as connection:
            connection.register("ours", ours)
            connection.register("theirs", theirs)
            for one, other in (("ours", "theirs"), ("theirs", "ours")):
                query = f"SELECT {names} FROM {one} EXCEPT ALL SELECT {names} FROM {other}"
                assert connection.sql(query).fetchall() == []
            offsets = connection.sql(
                "SELECT partition, list(log_offset ORDER BY log_offset) FROM ours GROUP BY ALL"
            ).fetchall()
            people = connection.sql(
                "SELECT count(DISTINCT customer) FROM ours"
                " UNION ALL SELECT count(DISTINCT customer_id) FROM theirs"
            ).fetchall()
        ends = log.end_offsets(topic)
        assert {p: o for p, o in offsets} == {p: [*range(e)] for p, e in enumerate(ends) if e}
        assert people[0] == people[1]


def test_every_event_is_archived_once_in_files_of_bounded_size(log, tmp_path, small_files):
    ours = Archive(tmp_path, KEY)
    told = archive_log(log, ours, at_least=1)
    assert {one.topic: one.events for one in told} == {
        topic: sum(log.end_offsets(topic)) for topic in log.topics()
    }
    assert len(files_of(tmp_path / LOGIN)) > log.partitions
    assert_each_once(tmp_path, log)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    again = archive_log(log, ours, at_least=1)
    assert {(one.events, one.files, one.waiting) for one in again} == {(0, 0, 0)}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before


def test_a_topic_without_events_is_archived_too(log, tmp_path):
    archive_log(log, Archive(tmp_path, KEY), at_least=1)
    assert files_of(tmp_path / "card.status.v1") == []


def test_few_events_wait_for_more_until_told_to_finish(log, tmp_path):
    ours, ends = Archive(tmp_path, KEY), log.end_offsets(LOGIN)
    told = {one.topic: one for one in archive_log(log, ours, at_least=min(ends) + 1)}
    some = sum(end for end in ends if end > min(ends))
    assert (told[LOGIN].events, told[LOGIN].waiting) == (some, sum(ends) - some)
    told = {one.topic: one for one in archive_log(log, ours, at_least=1)}
    assert (told[LOGIN].events, told[LOGIN].waiting) == (sum(ends) - some, 0)
    assert_each_once(tmp_path, log)


def test_partitions_can_be_shared_and_progress_is_told(log, tmp_path, small_files):
    ours, said = Archive(tmp_path, KEY), []
    for mine in ((0, 2), (), (3,), (1,)):
        archive_log(
            log, ours, partitions=mine, at_least=1, progress=lambda *told: said.append(told)
        )
    assert_each_once(tmp_path, log)
    of_login = [(done, total) for what, done, total in said if what == f"archive {LOGIN}"]
    ends = log.end_offsets(LOGIN)
    assert of_login[-1] == (ends[1], ends[1])
    assert len(of_login) > 6
    assert all(done <= total for done, total in of_login)


class MadeAnew(FileEventLog):
    def topic_number(self, topic: str) -> int:
        return 2**32 - 1


def test_a_topic_made_anew_under_its_name_starts_afresh(log, tmp_path):
    ours = Archive(tmp_path, KEY)
    for one in (log, MadeAnew(log._folder)):
        told = archive_log(one, ours, at_least=1)
        assert told[0].events == sum(log.end_offsets(told[0].topic))
    assert len(archived(tmp_path, LOGIN)) == 2 * sum(log.end_offsets(LOGIN))


CRASH = """
import os, signal, sys
from pathlib import Path

from feature_store import archive
from feature_store.archive_key import Archive
from feature_store.event_log import FileEventLog

left, replace = [int(sys.argv[3])], os.replace

def crashing(*names):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)

os.replace, archive.FILE_EVENTS = crashing, 100
archive.archive_log(
    FileEventLog(Path(sys.argv[1])), Archive(Path(sys.argv[2]), bytes(range(32))), at_least=1
)
"""


def test_killed_between_write_and_rename_it_goes_on_from_there(log, tmp_path, small_files):
    for call in (1, 4):
        command = [sys.executable, "-c", CRASH, str(log._folder), str(tmp_path), str(call)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert len(list(tmp_path.rglob(".*.aside"))) == 1
        assert len(list(tmp_path.rglob("*.parquet"))) == call - 1
    archive_log(log, Archive(tmp_path, KEY), at_least=1)
    assert_each_once(tmp_path, log)
    assert list(tmp_path.rglob(".*.aside")) == []


def test_a_hole_stops_it_and_names_the_file(log, tmp_path, small_files):
    ours = Archive(tmp_path, KEY)
    archive_log(log, ours, at_least=1)
    gone, after = files_of(tmp_path / "app.page_view.v1")[1:3]
    (tmp_path / "app.page_view.v1" / gone.name).unlink()
    with pytest.raises(Damaged, match=f"{after.name}: it leaves a hole after"):
        archive_log(log, ours, at_least=1)


def test_a_log_that_was_made_anew_is_not_taken_for_the_old_one(tmp_path):
    ours = Archive(tmp_path / "archive", KEY)
    for number, count in enumerate((5, 3)):
        with FileEventLog(tmp_path / str(number), partitions=1, write=True) as log:
            log.append(LOGIN, [login(1, n) for n in range(count)])
    archive_log(FileEventLog(tmp_path / "0"), ours, at_least=1)
    with pytest.raises(Damaged, match="archived up to offset 5, and its log ends at 3"):
        archive_log(FileEventLog(tmp_path / "1"), ours, at_least=1)


def test_one_process_at_a_time_archives_a_partition(log, tmp_path):
    ours, busy = Archive(tmp_path, KEY), FinmodelError("busy")
    archive_log(log, ours, at_least=1, partitions=[0])
    lock = tmp_path / LOGIN / f".{2:05}.lock"
    with held_alone(lock, busy), pytest.raises(NotReady, match="another process archives part"):
        archive_log(log, ours, at_least=1, partitions=[2])
    archive_log(log, ours, at_least=1)
    assert_each_once(tmp_path, log)


def test_nothing_written_and_nothing_said_holds_a_customers_id(tmp_path):
    """Ids as text, as the bytes of a number, and as numbers of any column, uncompressed."""
    customers = [7_215_380_012_345_678, 31_415_926_535]
    with FileEventLog(tmp_path / "log", partitions=1, write=True) as log:
        log.append(LOGIN, [login(customers[n % 2], n) for n in range(50)])
    ours = Archive(tmp_path / "archive", KEY)
    archive_log(FileEventLog(tmp_path / "log"), ours, at_least=1)
    paths = [path for path in ours.folder.rglob("*") if path.is_file()]
    table = archived(ours.folder, LOGIN)
    plain = pa.BufferOutputStream()
    pq.write_table(table, plain, compression="none", use_dictionary=False)
    seen = plain.getvalue().to_pybytes() + b"".join(
        path.read_bytes() + path.name.encode() for path in paths
    )
    assert table.num_rows == 50
    assert len(set(table["customer"].to_pylist())) == 2
    for customer in customers:
        assert str(customer).encode() not in seen
        assert customer.to_bytes(8, "little") not in seen
        assert customer.to_bytes(8, "big") not in seen


def test_what_is_no_event_is_left_out_and_its_offset_is_passed(tmp_path):
    good = login(7_215_380_012_345_678, 0)
    with FileEventLog(tmp_path / "log", partitions=1, write=True) as log:
        log.append(LOGIN, [good])
        end = tmp_path / "log" / LOGIN / "0" / f"{0:020}.log"
        append_frame(end, Frame(1, 1, b'{"topic":"%s","customer_id":7}\n' % LOGIN.encode()))
    with FileEventLog(tmp_path / "log", partitions=1, write=True) as log:
        log.append(LOGIN, [good])
    archive = Archive(tmp_path / "archive", KEY)
    told = {one.topic: one for one in archive_log(log, archive, at_least=1)}
    assert (told[LOGIN].events, told[LOGIN].waiting) == (2, 0)
    (file,) = (tmp_path / "archive").rglob("*.parquet")
    assert pq.read_table(file)["log_offset"].to_pylist() == [0, 2]
