"""What a suggestion is: sentences with their sources, figures with theirs, and the trace behind.

Nothing comes in; records go out. They hold a customer's values and show none of them. A `Trace`
holds no words of anybody's: it may be kept where a log may. Pure.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from finmodel.assistant.suggesting.recall import Recalled
from finmodel.assistant.suggesting.routing import Routed
from finmodel.conversations import Account, Identity

Home: TypeAlias = Literal["script", "document", "guard", "engine"]
"""An approved script, a product fact, a guard's safe rewrite, or the engine's own words."""
Done: TypeAlias = Literal["rewritten", "dropped", "warned"]


class Origin(Struct, frozen=True):
    """Where a sentence comes from."""

    home: Home
    id: str
    """A script's or document's id, a rule's name, or the engine's."""
    version: int = 0


class Number(Struct, frozen=True):
    """A figure of a sentence: `text[start:end]`, and the ledger's field or the formula behind."""

    slot: str
    start: int
    end: int
    source: str

    def __repr__(self) -> str:
        return f"Number({self.slot})"


class Sentence(Struct, frozen=True):
    """One sentence as it may be said."""

    text: str
    slotted: str
    """The same with slots in place of the customer's values."""
    origin: Origin
    numbers: tuple[Number, ...] = ()

    def __repr__(self) -> str:
        return f"Sentence({self.origin.home} {self.origin.id})"


class Begun(Struct, frozen=True):
    """An engine has begun to write: nothing that it says has been judged yet."""

    prompt_tokens: int
    kept_tokens: int | None
    """Of the prompt's, those that were read before; None where the engine does not say."""


class Suggestion(Struct, frozen=True):
    """One reply that an agent may send."""

    kind: Literal["script", "generated"]
    sentences: tuple[Sentence, ...]
    score: float | None = None
    """How likely a script's intent is what is wanted, 0 to 1; None where that is not why."""
    script: str = ""
    version: int = 0
    recalled: tuple[Recalled, ...] = ()
    """What of earlier turns it takes up."""

    @property
    def text(self) -> str:
        """As it is sent."""
        return "".join(one.text for one in self.sentences)

    @property
    def slotted(self) -> str:
        """With slots: what verdicts and training hold."""
        return "".join(one.slotted for one in self.sentences)

    def __repr__(self) -> str:
        return f"Suggestion({self.kind} {self.script})"


class Scored(Struct, frozen=True):
    """A script or a document that was considered."""

    id: str
    version: int
    score: float


class Met(Struct, frozen=True):
    """A rule that a sentence met."""

    rule: str
    sentence: int
    """Its place among those that were written, from 1 on; 0 of what was not written here."""
    done: Done
    of: str = ""
    """The script or document, where it was one; `judge` where a second judge said so."""


class Trace(Struct, frozen=True, kw_only=True):
    """How suggestions came about; with the conversation it can be replayed."""

    id: str
    """A digest of what was asked, so that the same question has the same."""
    conversation: str
    after: str
    """The message that is answered."""
    asked: str
    """SHA-256 of messages, facts and day: a replay must read the same."""
    day: date
    identity: Identity
    """Who the customer was taken to be."""
    account: Account | None = None
    third_party: bool = False
    scripts: tuple[Scored, ...] = ()
    confident: bool = False
    routed: str = ""
    """Routing and intent that the inbound guard found; empty where a reply is just suggested."""
    sources: tuple[Scored, ...] = ()
    rules: tuple[Met, ...] = ()
    recalled: tuple[str, ...] = ()
    """Messages of which something was carried forward."""
    left_out: int = 0
    """Turns that did not fit into the engine's context."""
    engine: str = ""
    adapter: str = ""
    prompt: str = ""
    """The version of what is put to an engine; empty where none was at hand."""
    prompt_tokens: int = 0
    """As the engine counts them, where it says; else about so many."""
    kept_tokens: int | None = None
    """Of them, those that the engine had read before; None where it does not say."""
    written_tokens: int = 0
    scripts_ms: float = 0.0
    begun_ms: float | None = None
    """To the engine's first token."""
    first_ms: float | None = None
    """To the first sentence that was generated."""
    ms: float = 0.0
    reason: str = ""
    """Why there is no suggestion, or nothing generated; empty where there is."""


class Suggested(Struct, frozen=True):
    """Up to three suggestions, what asks for verification beside them, and the trace."""

    suggestions: tuple[Suggestion, ...]
    trace: Trace
    verification: Suggestion | None = None
    """Where more could be told to the verified, unless it is one of the three."""
    recalled: tuple[Recalled, ...] = ()
    """What of earlier turns was carried forward."""
    routed: Routed | None = None
    """Where the customer's words go, if not on."""

    def __repr__(self) -> str:
        return f"Suggested({self.trace.id}: {len(self.suggestions)})"
