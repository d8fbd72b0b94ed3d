"""What a page is told of a base that is on its way."""

import os

import pytest

from finmodel.arrival import Arrival, Telling, expected, read_arrival, until_here
from finmodel.errors import NotReady


def test_what_is_told_is_read_until_it_is_here(tmp_path):
    path = tmp_path / "arrival.json"
    assert list(until_here(path)) == []
    telling = Telling(path, Arrival("small", os.getpid()))
    looks = until_here(path)
    assert next(looks) == "small is being fetched"
    telling("parts fetched", 5, 22)
    expected(path, Arrival("small", 1))  # it has said something already
    assert next(looks) == "small is being fetched (parts fetched: 5 of 22)"
    telling("tensors unpacked", 7, 338)
    assert next(looks) == "small is being unpacked (tensors unpacked: 7 of 338)"
    telling.here()
    assert list(looks) == []


def test_who_failed_or_was_killed_midway_is_told(tmp_path):
    path = tmp_path / "arrival.json"
    telling = Telling(path, Arrival("small", os.getpid()))
    telling.failed(NotReady("no network", remedy="see that pip reaches its index"))
    with pytest.raises(NotReady, match="small could not be brought: no network; see that pip"):
        list(until_here(path))
    path.unlink()
    expected(path, Arrival("small", 2**22 + 1))  # no process has such a number
    assert read_arrival(path).said == "it ended before it was done"
