"""A reply that is given up when its time is over, even where the engine says nothing at all.

An engine and what is asked of it come in; the pieces that were said within the time go out, and an
engine's error as it is. The engine runs in a thread of its own, which ends with its next piece.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from typing import Final

from finmodel.assistant.engines.engine import Asked, Engine

_Heard = queue.SimpleQueue[object]
_END: Final = object()
_LOOK: Final = 0.05
"""Seconds after which it is seen that somebody cancelled."""


def within(
    engine: Engine,
    asked: Asked,
    cancelled: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[str, None, None]:
    """The pieces of a reply up to `asked.seconds` from now; whoever closes it cancels the engine.

    Another thread cancels it by `cancelled`. Raises whatever the engine raised.
    """
    heard: _Heard = queue.SimpleQueue()
    given_up, cancelled = threading.Event(), cancelled or threading.Event()
    threading.Thread(target=_listen, args=(engine, asked, heard, given_up), daemon=True).start()
    until = clock() + asked.seconds
    try:
        while (left := until - clock()) > 0 and not cancelled.is_set():
            try:
                said = heard.get(timeout=min(left, _LOOK))
            except queue.Empty:
                continue
            if isinstance(said, BaseException):
                raise said
            if not isinstance(said, str):
                return
            yield said
    finally:
        given_up.set()


def _listen(engine: Engine, asked: Asked, heard: _Heard, given_up: threading.Event) -> None:
    try:
        pieces = engine.stream(asked)
        try:
            for piece in pieces:
                heard.put(piece)
                if given_up.is_set():
                    return
        finally:
            pieces.close()
    except Exception as error:  # noqa: BLE001 - it crosses a thread
        heard.put(error)
    finally:
        heard.put(_END)
