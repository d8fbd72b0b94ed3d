"""Who writes goes before who reads, and nobody writes where somebody reads, nor waits for ever."""

import threading
from contextlib import ExitStack

import pytest

from finmodel.errors import NotReady
from serving.assisting import turns
from serving.assisting.turns import Turns
from tests.serving.small_world import wait_until

NEVER = threading.Event()


def entered(turn):
    """A thread that enters a turn, and what says that it has, and lets it go."""
    inside, go = threading.Event(), threading.Event()

    def work():
        with turn:
            inside.set()
            go.wait(10)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return inside, go, thread


def test_so_many_write_and_the_next_one_waits_for_a_place():
    with ExitStack() as stack:
        at = Turns(2)
        first = stack.enter_context(ExitStack())
        first.enter_context(at.to_write("a", NEVER))
        stack.enter_context(at.to_write("b", NEVER))
        inside, go, thread = entered(at.to_write("c", NEVER))
        assert not inside.wait(0.1)
        first.close()
        assert inside.wait(5)
        go.set()
        thread.join(5)


def test_in_a_conversation_that_is_read_nobody_writes_and_elsewhere_somebody_may():
    at = Turns(3)
    inside, go, thread = entered(at.to_read("a", NEVER))
    assert inside.wait(5)
    with at.to_write("b", NEVER):
        pass
    writing, written, other = entered(at.to_write("a", NEVER))
    assert not writing.wait(0.1)
    go.set()
    assert writing.wait(5)
    written.set()
    for one in (thread, other):
        one.join(5)


def test_nobody_reads_while_somebody_waits_to_write():
    at = Turns(1)
    with ExitStack() as stack:
        holder = stack.enter_context(ExitStack())
        holder.enter_context(at.to_write("a", NEVER))
        writing, written, writer = entered(at.to_write("b", NEVER))
        wait_until(lambda: at._waiting == 1, 5)
        reading, read, reader = entered(at.to_read("c", NEVER))
        assert not reading.wait(0.1)
        holder.close()
        assert writing.wait(5)
        assert not reading.is_set()
        written.set()
        assert reading.wait(5)
        read.set()
        for one in (writer, reader):
            one.join(5)


def test_who_waits_too_long_or_has_left_is_told_and_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(turns, "WAIT_S", 0.05)
    at, left = Turns(1), threading.Event()
    with at.to_write("a", NEVER), pytest.raises(NotReady, match="no place at the engine"):
        at.to_write("b", NEVER).__enter__()
    left.set()
    monkeypatch.setattr(turns, "WAIT_S", 30)
    with at.to_write("a", NEVER), pytest.raises(NotReady):
        at.to_write("b", left).__enter__()
    with at.to_read("c", NEVER):
        pass
