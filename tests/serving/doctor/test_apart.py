"""A check that crashes, hangs or fails: a finding each, and the others go on."""

import mmap
import os
import resource
import time

import pytest

from finmodel.errors import Damaged
from serving.doctor.apart import Check, begin, ended
from serving.doctor.finding import Finding, well


def found(look, seconds=30) -> Finding:
    (one,) = ended(begin(Check("thing", look, "finmodel doctor", seconds)))
    return one


def fails(error):
    def look():
        raise error

    return look


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Damaged("it is torn", where="a.log", remedy="look"), "a.log: it is torn; look"),
        (PermissionError(13, "Permission denied", "/x/key"), "/x/key: Permission denied"),
        (ZeroDivisionError("a secret"), "the check itself failed (ZeroDivisionError)"),
        (SystemExit(3), "the look at it ended without an answer"),
    ],
)
def test_a_check_that_fails_is_a_finding(error, says):
    one = found(fails(error))
    assert (one.state, one.says, one.remedy) == ("wrong", says, "finmodel doctor")


def test_a_file_that_is_cut_short_under_a_map_kills_the_check_alone(tmp_path):
    path = tmp_path / "map"
    path.write_bytes(bytes(100_000))

    def look():
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            os.truncate(path, 0)
            return [well("thing", str(mapped[90_000]))]

    assert "kills the reader" in found(look).says


def test_a_process_that_has_more_than_a_thousand_files_open_hears_its_checks():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    taken = [os.dup(0) for _ in range(1024)]
    try:
        assert found(lambda: [well("thing", "is there")]).says == "is there"
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_check_that_hangs_is_told_and_ended():
    def look():
        time.sleep(60)
        return []

    began = time.monotonic()
    assert found(look, seconds=1).says == "it did not answer within 1 s"
    assert time.monotonic() - began < 30


def test_what_a_check_prints_is_no_finding(capfd):
    def look():
        os.write(1, b"noise\n")
        os.write(2, b"noise\n")
        return [well("thing", "long " * 20_000)]

    assert found(look).state == "ok"
    assert capfd.readouterr() == ("", "")
