"""What the assistant's service needs of the world, opened once and closed together.

Settings come in, a desk goes out: the books of conversations and suggestions, what is approved, and
whoever writes beside scripts once it is there. Scripts never wait for an engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from finmodel.assistant.suggesting.shelf import MANY, Shelf, shipped_shelf
from finmodel.clock import Clock
from finmodel.conversation_book import ConversationBook
from finmodel.settings import Settings
from finmodel.suggestion_book import SuggestionBook
from finmodel.vault import Vault
from serving.assisting.arms import Arm, Arms
from serving.assisting.reading import Reading
from serving.assisting.writing import WAITING, Writing
from serving.telemetry import Telemetry

THREADS: Final = 8
"""Conversations are read by these, whoever waits for an engine."""


@dataclass(frozen=True, slots=True)
class AssistDesk:
    """Where replies are suggested."""

    settings: Settings
    clock: Clock
    conversations: ConversationBook
    suggestions: SuggestionBook
    shelf: Shelf
    writing: Writing
    telemetry: Telemetry
    pool: Executor
    """Threads for work too long for the event loop."""
    other: Writing | None = None
    """The writer that `writing` is compared with."""
    reading: Reading = field(default_factory=Reading)
    """Who reads conversations ahead."""

    @property
    def arms(self) -> Arms:
        """Who writes in which conversation."""
        here = self.settings
        first = Arm(here.writer, self.writing)
        second = None if self.other is None else Arm(here.writer_b, self.other)
        return Arms(first, second, here.writer_b_share)


@contextmanager
def open_assist_desk(settings: Settings, telemetry: Telemetry) -> Iterator[AssistDesk]:
    """Open everything, and close all of it at the end."""
    with ExitStack() as stack:
        vault = stack.enter_context(closing(Vault(settings.vault)))
        conversations = stack.enter_context(
            closing(ConversationBook(settings.conversations, vault))
        )
        suggestions = stack.enter_context(closing(SuggestionBook(settings.suggestions, vault)))
        threads = THREADS + (MANY + WAITING) * (2 if settings.writer_b else 1)
        pool = stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="assist"))
        writing = stack.enter_context(closing(Writing(settings)))
        other = None
        if settings.writer_b:
            named = replace(settings, writer=settings.writer_b)
            other = stack.enter_context(closing(Writing(named)))
        reading = stack.enter_context(closing(Reading()))
        yield AssistDesk(
            settings,
            settings.clock,
            conversations,
            suggestions,
            shipped_shelf(),
            writing,
            telemetry,
            pool,
            other,
            reading,
        )
