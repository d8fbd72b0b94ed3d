"""What the assistant's service needs of the world, opened once and closed together.

Settings come in, a desk goes out: the books of conversations and suggestions, what is approved, and
whoever writes beside scripts once it is there. Scripts never wait for an engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from finmodel.assistant.scripts import Scripts
from finmodel.assistant.suggesting.shelf import MANY, Shelf
from finmodel.clock import Clock
from finmodel.contact_book import ContactBook
from finmodel.conversation_book import ConversationBook
from finmodel.finding_book import FindingBook
from finmodel.settings import Settings
from finmodel.suggestion_book import SuggestionBook
from finmodel.vault import Vault
from finmodel.wrap_up_book import WrapUpBook
from serving.assisting.arms import Arm, Arms
from serving.assisting.campaigned import Campaigned
from serving.assisting.decided import Decided
from serving.assisting.reading import Reading
from serving.assisting.replies import Replies
from serving.assisting.shelves import Shelves
from serving.assisting.verdict_log import VerdictLog
from serving.assisting.writing import WAITING, Writing
from serving.telemetry import Telemetry

MONTH: Final = timedelta(days=30)
THREADS: Final = 8
"""Conversations are read by these, whoever waits for an engine."""


@dataclass(frozen=True, slots=True)
class AssistDesk:
    """Where replies are suggested."""

    settings: Settings
    clock: Clock
    conversations: ConversationBook
    suggestions: SuggestionBook
    wrap_ups: WrapUpBook
    findings: FindingBook
    contacts: ContactBook
    campaigned: Campaigned
    decided: Decided
    verdict_log: VerdictLog
    shelves: Shelves
    writing: Writing
    telemetry: Telemetry
    pool: Executor
    """Threads for work too long for the event loop."""
    other: Writing | None = None
    """The writer that `writing` is compared with."""
    reading: Reading = field(default_factory=Reading)
    """Who reads conversations ahead."""
    replies: Replies = field(default_factory=Replies)
    """What is being written, to end where the customer writes again."""

    @property
    def shelf(self) -> Shelf:
        """What is approved now."""
        return self.shelves.now()

    @property
    def scripts(self) -> Scripts:
        """What is approved to be said."""
        return self.shelf.scripts

    def last_month(self) -> tuple[datetime, datetime]:
        """The 30 days up to now, now among them: what a supervisor sees."""
        now = self.clock.now()
        return now - MONTH, now + timedelta(seconds=1)

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
        wrap_ups = stack.enter_context(closing(WrapUpBook(settings.wrap_ups, vault)))
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
            wrap_ups,
            FindingBook(conversations, vault),
            ContactBook(conversations, vault),
            stack.enter_context(closing(Campaigned(settings, vault))),
            Decided(settings, vault),
            stack.enter_context(closing(VerdictLog(settings, vault))),
            Shelves(settings),
            writing,
            telemetry,
            pool,
            other,
            reading,
        )
