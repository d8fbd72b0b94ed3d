"""A stream that is cut off ends whoever makes its pieces, whatever cut it off."""

import asyncio
from types import SimpleNamespace

import pytest

from serving.answering import Reply, Route, Routes
from serving.border import Rule

RULE = Rule("GET", "/pieces", weighs=False)


class Endless:
    """Gives one piece, then nothing more: as an engine that thinks for too long."""

    def __init__(self):
        self.sent, self.begun, self.ended = [], asyncio.Event(), False

    async def pieces(self):
        try:
            yield b"first"
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.ended = True

    async def answer(self, _call, _desk):
        return Reply(self.pieces(), "text/event-stream")

    async def send(self, message):
        self.sent.append(message)


def test_a_stream_that_took_too_long_ends_its_maker():
    async def cut_off():
        made = Endless()
        served = Routes([Route(RULE, None, made.answer)], None)
        scope = {"finmodel.call": SimpleNamespace(rule=RULE)}
        task = asyncio.create_task(served(scope, asyncio.Event().wait, made.send))
        await made.begun.wait()
        await asyncio.sleep(0)
        task.cancel()  # as the border's time limit does
        with pytest.raises(asyncio.CancelledError):
            await task
        return made

    made = asyncio.run(cut_off())
    assert made.ended
    assert [one.get("body") for one in made.sent] == [None, b"first"]


def test_a_caller_who_leaves_ends_its_maker():
    async def leave():
        made = Endless()
        served = Routes([Route(RULE, None, made.answer)], None)
        scope = {"finmodel.call": SimpleNamespace(rule=RULE)}

        async def receive():
            await made.begun.wait()
            return {"type": "http.disconnect"}

        await served(scope, receive, made.send)
        return made

    assert asyncio.run(leave()).ended
