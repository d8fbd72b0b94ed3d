"""The assistant's demo: simulated customers of unseen phrasings whose last words wait for a reply.

Settings come in; a home of its own, with an agent's and a supervisor's key, goes out. Set up again
it keeps what was said and sent there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date
from typing import Final

import msgspec

from finmodel.clock import parse_time
from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Conversation
from finmodel.durable import replace_file
from finmodel.lender.talk.conversations import write
from finmodel.settings import Settings
from finmodel.vault import Vault
from serving.access import People

NOW: Final = "2026-06-03T20:00:00+08:00"
AGENT: Final = "demo agent"
PEOPLE: Final = {AGENT: ("agent",), "demo supervisor": ("supervisor",)}
WAITING: Final = 12
"""Customers at first."""
_FROM, _DAYS, _SEED, _MOST = date(2026, 6, 2), 2, 8, 600


def home_of(settings: Settings) -> Settings:
    """The demo's own home and clock, beside those of the other demos."""
    home = settings.home.with_name(f"{settings.home.name}-assistant")
    return replace(settings, home=home, standing_clock=settings.standing_clock or NOW)


def prepare(here: Settings) -> dict[str, str]:
    """People and conversations, each once; the keys, by name."""
    here.make_home()
    here.demo.mkdir(exist_ok=True)
    keys = here.demo / "keys.json"
    if not keys.is_file():
        made = People(here.people).add_demo(PEOPLE)
        with ExitStack() as stack:
            vault = stack.enter_context(closing(Vault(here.vault)))
            book = stack.enter_context(closing(ConversationBook(here.conversations, vault)))
            for one in waiting(here):
                _bring(one, book)
        replace_file(keys, msgspec.json.encode(made))
    return msgspec.json.decode(keys.read_bytes(), type=dict[str, str])


def waiting(here: Settings) -> Iterator[Conversation]:
    """Conversations of the test split, each up to its customer's last words before now."""
    now, found = parse_time(here.standing_clock), 0
    for written in write(_MOST, _SEED, _FROM, _DAYS):
        one = written.conversation
        last = max((n for n, m in enumerate(one.messages) if m.who == "customer"), default=-1)
        if one.split != "test" or last < 0 or one.messages[last].at > now:
            continue
        yield msgspec.structs.replace(one, messages=one.messages[: last + 1])
        found += 1
        if found == WAITING:
            return


def _bring(one: Conversation, book: ConversationBook) -> None:
    # What the simulator knows of a turn, an agent's page does not.
    said = [msgspec.structs.replace(message, intent="", family="") for message in one.messages]
    book.take(Opened.of(one, AGENT), said)
