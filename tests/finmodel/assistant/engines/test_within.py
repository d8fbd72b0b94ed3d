"""A reply is given up when its time is over, and an engine's error is the asker's."""

import threading
import time

import pytest

from finmodel.assistant.engines.engine import Asked
from finmodel.assistant.engines.scripted import Scripted
from finmodel.assistant.engines.within import within
from finmodel.errors import NotReady


class Silent:
    name = "silent"
    grammars = False
    keeps = False

    def __init__(self):
        self.ended = threading.Event()

    def stream(self, asked):
        try:
            yield "一"
            self.ended.wait(20)
            yield "二"
        finally:
            self.ended.set()

    def close(self):
        pass


def test_a_whole_reply_comes_as_it_was_said():
    assert "".join(within(Scripted(lambda asked: "您好，请稍等。" * 5), Asked((), seconds=30))) == (
        "您好，请稍等。" * 5
    )


def test_one_that_falls_silent_is_given_up():
    engine, began = Silent(), time.monotonic()
    assert list(within(engine, Asked((), seconds=0.2))) == ["一"]
    assert time.monotonic() - began < 10
    engine.ended.set()


def test_an_error_comes_through():
    def fail(asked):
        raise NotReady("busy")

    with pytest.raises(NotReady, match="busy"):
        list(within(Scripted(fail), Asked((), seconds=30)))


def test_another_thread_cancels_it_while_it_is_silent():
    engine, cancelled = Silent(), threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    assert list(within(engine, Asked((), seconds=60), cancelled)) == ["一"]
    engine.ended.set()


def test_whoever_closes_it_cancels_the_engine():
    closed = threading.Event()

    class Talking(Silent):
        def stream(self, asked):
            try:
                while True:
                    time.sleep(0.005)
                    yield "一"
            finally:
                closed.set()

    pieces = within(Talking(), Asked((), seconds=30))
    next(pieces)
    pieces.close()
    assert closed.wait(5)
