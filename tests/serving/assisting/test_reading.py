"""Wishes are done one after the other, the latest of each name, and never more than fit."""

import threading

from finmodel.errors import NotReady
from serving.assisting.reading import MOST, Reading
from tests.serving.small_world import wait_until


def test_the_latest_wish_of_a_name_is_done_unless_it_is_left_and_a_failure_ends_nothing():
    reading, done, go, began = Reading(0.0), [], threading.Event(), threading.Event()

    def first(_left):
        began.set()
        go.wait(10)
        raise NotReady("busy")

    reading.soon("first", first)
    assert began.wait(5)
    for number in range(MOST + 1):
        reading.soon(f"n{number}", lambda _left, number=number: done.append(number))
    reading.soon("n3", lambda _left: done.append("again"))
    reading.leave("n5")
    reading.leave("nobody")
    go.set()
    wait_until(lambda: len(done) == MOST - 1, 5)
    assert done == [1, 2, 4, *range(6, MOST + 1), "again"]
    reading.close()
    reading.soon("late", lambda _left: done.append("late"))
    assert "late" not in done


def test_closing_tells_what_is_being_done_and_waits_for_it():
    reading, began, told = Reading(), threading.Event(), []

    def work(left):
        began.set()
        told.append(left.wait(10))

    reading.soon("one", work)
    assert began.wait(5)
    reading.close()
    assert told == [True]


def test_a_wish_that_is_left_in_time_is_never_begun():
    reading, done = Reading(60.0), []
    reading.soon("asked at once", lambda _left: done.append("asked at once"))
    reading.leave("asked at once")
    reading.soon("later", lambda _left: done.append("later"))
    reading.close()
    assert done == []
