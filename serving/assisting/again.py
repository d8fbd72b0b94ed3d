"""A past suggestion made again by its id, out of the two books.

Settings, an id and perhaps a writer's name come in; the names of what differs today go out, and
nothing of what was said.
"""

from __future__ import annotations

from contextlib import ExitStack, closing

import msgspec

from finmodel.assistant.suggesting.answers import Suggested
from finmodel.assistant.suggesting.replay import Beside, replay
from finmodel.conversation_book import ConversationBook
from finmodel.errors import NotFound
from finmodel.settings import Settings
from finmodel.suggestion_book import SuggestionBook
from finmodel.vault import Vault
from serving.assisting.shelves import lender_shelf


class Again(msgspec.Struct, frozen=True):
    """What came of it."""

    suggestion: str
    trace: str
    differs: tuple[str, ...]
    """Fields of the trace that are not as they were; none where it is the same again."""
    same_texts: bool
    """Every suggestion reads as it did."""


def replayed(here: Settings, name: str, writer: str = "") -> Again:
    """Ask again what was asked; BadInput where the conversation before it is not as it was.

    NotFound where nothing of this id was shown, its customer was erased, or it was shown before
    what was asked was kept.
    """
    with ExitStack() as stack:
        vault = stack.enter_context(closing(Vault(here.vault)))
        shown = stack.enter_context(closing(SuggestionBook(here.suggestions, vault)))
        talks = stack.enter_context(closing(ConversationBook(here.conversations, vault)))
        kept = shown.kept(name)
        if not kept.asked:
            raise NotFound(
                "what was asked was not kept with it",
                where=f"suggestion {name}",
                remedy="replay one that was shown later",
            )
        told = msgspec.json.decode(kept.body, type=Suggested)
        beside = msgspec.json.decode(kept.asked, type=Beside)
        asking = beside.again(told.trace, talks.read(kept.conversation).messages)
        opened = None
        if writer:
            from serving.writers import open_writer

            opened = stack.enter_context(open_writer(here, writer))
        found = replay(told.trace, asking, lender_shelf(here), opened)
    before, after = ([one.text for one in every.suggestions] for every in (told, found.suggested))
    return Again(name, told.trace.id, found.differs, before == after)
