"""A conversation is read before a suggestion is asked for, where the engine keeps what it read.

A conversation in which something was said comes in; nothing goes out, but when its agent asks the
engine has read it. What lies long back is left alone, since nobody may ever open it.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import Final

from finmodel.assistant.suggesting.asking import asking_of
from finmodel.assistant.suggesting.suggest import read_ahead
from serving.assisting.desk import AssistDesk

LIVE: Final = timedelta(minutes=15)
"""A conversation in which nobody said anything for so long is not read ahead."""


def read_soon(conversation: str, desk: AssistDesk) -> None:
    """Have it read when there is time."""
    writer = desk.arms.of(conversation).writing.writer
    if writer is not None and writer.engine.keeps:
        desk.reading.soon(conversation, partial(_read, conversation, desk))


def _read(conversation: str, desk: AssistDesk, left: threading.Event) -> None:
    one, writing = desk.conversations.read(conversation), desk.arms.of(conversation).writing
    writer = writing.writer
    if writer is None or not one.messages or desk.clock.now() - one.messages[-1].at > LIVE:
        return
    with writing.turns.to_read(conversation, left):
        asked = read_ahead(asking_of(one), desk.shelf, writer.within(one.scenario))
        for _ in writer.engine.stream(asked):
            return
