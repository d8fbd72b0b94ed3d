"""What training may read of the books: conversations with consent, and the verdicts in them.

Whoever asked to be erased and must be kept is left out.

Settings and a folder come in; two files go out, whole or not at all, with how many each holds.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from finmodel.conversation_book import ConversationBook
from finmodel.durable import replace_file
from finmodel.restriction_book import RestrictionBook
from finmodel.settings import Settings
from finmodel.suggestion_book import SuggestionBook
from finmodel.vault import Vault


def take(here: Settings, out: Path, names: tuple[str, str]) -> dict[str, int]:
    """Write both files; how many conversations and verdicts they hold."""
    with ExitStack() as stack:
        vault = stack.enter_context(closing(Vault(here.vault)))
        book = stack.enter_context(closing(ConversationBook(here.conversations, vault)))
        shown = stack.enter_context(closing(SuggestionBook(here.suggestions, vault)))
        restricted = stack.enter_context(closing(RestrictionBook(here, vault)))
        talks = book.to_train(restricted.refs())
        known = {one.id for one in talks}
        verdicts = [one for one in shown.verdicts() if one.conversation in known]
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    encoder = msgspec.json.Encoder()
    replace_file(out / names[0], encoder.encode_lines(talks))
    replace_file(out / names[1], encoder.encode_lines(verdicts))
    return {"conversations": len(talks), "verdicts": len(verdicts)}
