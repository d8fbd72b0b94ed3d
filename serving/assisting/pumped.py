"""What a thread makes piece by piece, sent as it comes; whoever stops reading stops the thread.

A generator of bytes comes in, an asynchronous one goes out. What the pieces are is not known here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator

from serving.assisting.desk import AssistDesk


async def pumped(
    pieces: Generator[bytes, None, None],
    left: threading.Event,
    desk: AssistDesk,
    first: bytes = b"",
) -> AsyncGenerator[bytes, None]:
    """`first`, then the pieces; closed, it sets `left` and closes the generator in its thread."""
    loop = asyncio.get_running_loop()
    pending: asyncio.Future[bytes | None] | None = None
    try:
        if first:
            yield first
        while True:
            pending = loop.run_in_executor(desk.pool, next, pieces, None)
            piece = await asyncio.shield(pending)
            if piece is None:
                return
            yield piece
    finally:
        left.set()
        if pending is not None:  # its thread is on its way out, and nobody else may close it
            await asyncio.wait((pending,))
        await loop.run_in_executor(desk.pool, pieces.close)
