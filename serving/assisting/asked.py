"""What the assistant's service reads and writes, as frozen records.

The one source of its OpenAPI document. None of them shows a customer's words in a representation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import astuple

from finmodel.assistant.guards.inbound import Asked
from finmodel.assistant.hints import Hint
from finmodel.assistant.suggesting.answers import Number, Origin, Sentence, Suggested, Suggestion
from finmodel.assistant.suggesting.routing import Routed
from finmodel.certainty import wilson
from finmodel.conversations import Account, Identity, Message, Moment, Name, Scenario, Who
from finmodel.privacy.masks import Masks
from finmodel.suggestion_worth import GroupedBy, Worth
from finmodel.verdicts import Choice

Text = Annotated[str, Meta(max_length=100_000)]


class _Quiet(Struct, frozen=True):
    """A record that shows nothing of what it holds."""

    def __repr__(self) -> str:
        return type(self).__name__


class Bring(_Quiet, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages of a conversation, as a vendor's desktop sends them: twice or late does no harm."""

    customer: Name
    channel: Name
    scenario: Scenario
    messages: Annotated[tuple[Message, ...], Meta(min_length=1, max_length=500)]
    agent: str = ""
    """Whose conversation it is; the asker's own where it is empty."""
    account: Account | None = None
    """Left out, what was known before stays; so it is with everything below."""
    facts: dict[str, int | str] | None = None
    """Slots and their values as of today, for this customer alone, in place of all before."""
    hints: Annotated[tuple[Hint, ...], Meta(max_length=20)] | None = None
    """Of risk and offers, as other systems have them now. An agent brings none."""
    consent_to_training: bool | None = None
    """Never told is no."""


class SuggestRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said next in a conversation."""

    conversation: Name
    tone: Literal["", "warm", "brief", "formal"] = ""


class SentenceSeen(_Quiet, frozen=True):
    """A sentence and where it comes from."""

    text: str
    origin: Origin
    numbers: tuple[Number, ...] = ()


class SuggestionSeen(_Quiet, frozen=True, kw_only=True):
    """A suggestion as a console shows it."""

    kind: Literal["script", "generated"]
    text: str
    sentences: tuple[SentenceSeen, ...]
    score: float | None = None
    script: str = ""
    version: int = 0
    recalled: tuple[str, ...] = ()
    """What of earlier turns it takes up; `Suggestions.recalled` has their turns."""


class RecalledSeen(_Quiet, frozen=True):
    """What the customer said in a turn that lies far back."""

    turn: int
    """The message's place in the conversation, from 1 on."""
    text: str
    """Masked, as an engine reads it."""


class Suggestions(_Quiet, frozen=True, kw_only=True):
    """All of them; `shown` names them in a verdict."""

    shown: str
    after: str
    """The message that they answer: once another one came they are stale."""
    suggestions: tuple[SuggestionSeen, ...]
    verification: SuggestionSeen | None = None
    recalled: tuple[RecalledSeen, ...] = ()
    """What of turns that are no longer read as a whole was carried forward, whoever wrote."""
    routed: Routed | None = None
    """Where the customer's words go: to a person (escalate), or to one script alone (refuse)."""
    reason: str = ""
    """Why nothing was generated."""
    engine: str = ""
    prompt_tokens: int = 0
    kept_tokens: int | None = None
    """Of the prompt's tokens, those that the engine had read before; null where it does not say."""
    ms: float = 0.0
    newer: str = ""
    """A message that the customer wrote meanwhile: what was being written to `after` was ended."""


class Stale(_Quiet, frozen=True):
    """The end of a stream whose question has grown: what was being written was ended."""

    after: str
    """The message that it answered."""
    newer: str
    """The one that the customer wrote meanwhile."""


class Feedback(_Quiet, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent made of what was shown."""

    shown: Name
    conversation: str = ""
    """Where the agent stands; refused where `shown` is of another one."""
    unseen: bool = False
    """The agent wrote without having seen it: the words are sent, and nothing is judged."""
    place: Annotated[int, Meta(ge=0, le=4)] = 0
    """Which suggestion was taken, from 1 on; behind them the one that asks for verification."""
    script: Annotated[str, Meta(max_length=120)] = ""
    """The script that was taken before everything was there: places may change till then."""
    text: Text = ""
    """What is sent; empty where nothing is."""
    reason: Annotated[str, Meta(max_length=200)] = ""
    """Why it was rejected."""
    seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """From when it was shown until it was sent."""


class Hit(Struct, frozen=True):
    """A rule that a text breaks, at `text[start:end]`."""

    rule: str
    severity: str
    start: int
    end: int
    rewrite: str | None
    until: datetime | None = None
    """Of a rule about when customers are written to first: from then on it may be sent."""


class Heard(_Quiet, frozen=True, kw_only=True):
    """What became of a verdict."""

    verdict: Choice
    saved: float
    """Share of the characters that the suggestion spared."""
    message: str
    """The id of the message that was sent; empty where none was."""
    hits: tuple[Hit, ...]


class CheckRequest(_Quiet, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reply that somebody is about to send, or what a customer wrote."""

    text: Text
    who: Literal["agent", "customer"] = "agent"
    """Who wrote it."""
    conversation: str = ""
    """Its figures are held against this conversation's facts."""


class Checked(Struct, frozen=True):
    """What a reply may not say; nothing where it may be sent."""

    hits: tuple[Hit, ...]
    calls: tuple[Asked, ...] = ()
    """Of a customer's words, the most urgent first; nothing where they are answered as any."""


class Line(_Quiet, frozen=True, kw_only=True):
    """One of an agent's conversations."""

    id: str
    customer: str
    scenario: Scenario
    channel: str
    identity: Identity
    latest: datetime
    last_who: Who
    last_words: str


class Lines(_Quiet, frozen=True):
    """An agent's conversations, the latest first."""

    conversations: tuple[Line, ...]


class FactSeen(_Quiet, frozen=True):
    """A customer's fact, for the agent's eyes."""

    slot: str
    chinese: str
    english: str
    value: str
    source: str


class View(_Quiet, frozen=True, kw_only=True):
    """One conversation as its agent sees it."""

    id: str
    customer: str
    channel: str
    scenario: Scenario
    identity: Identity
    account: Account | None
    started: Moment
    messages: tuple[Message, ...]
    facts: tuple[FactSeen, ...]
    hints: tuple[Hint, ...] = ()
    """Those that the asker's roles may see; nothing says whether there are others."""


class Group(Worth, frozen=True):
    """What suggestions were worth in a group, and how sure their accepted share is."""

    accepted_low: float | None
    accepted_high: float | None
    """Wilson's 95 % interval of `accepted` in `judged`; None where nothing was judged."""


class Worths(Struct, frozen=True):
    """What suggestions were worth in the last 30 days, in each group."""

    by: GroupedBy
    groups: tuple[Group, ...]


class PersonHere(Struct, frozen=True):
    """Who is signed in."""

    name: str
    roles: tuple[str, ...]
    demo: bool


class AssistStatus(Struct, frozen=True, kw_only=True):
    """The state of the service."""

    ready: bool
    demo: bool
    clock: datetime
    engine: str
    """Who writes beside scripts; empty where scripts stand alone."""
    engine_state: str
    """In a sentence."""
    trouble: str = ""
    """As the decision service has it; scripts are always there."""
    clock_stands: bool = False
    provider: str = ""
    """As the decision service has it."""
    other_state: str = ""
    """Of the writer that it is compared with; empty where there is none."""
    scripts: str = ""
    """Which scripts are said, in a sentence."""
    embed: str = ""
    """The origin whose page may hold the panel."""
    person: PersonHere | None = None


_NOT_KNOWN: Final = (None, None)


def group_of(one: Worth) -> Group:
    """A group with its interval."""
    return Group(*astuple(one), *(wilson(one.accepted, one.judged) if one.judged else _NOT_KNOWN))


def sentence_seen(one: Sentence) -> SentenceSeen:
    """A sentence as a console shows it: without its slots."""
    return SentenceSeen(one.text, one.origin, one.numbers)


def seen(one: Suggestion, masks: Masks | None = None) -> SuggestionSeen:
    """A suggestion as a console shows it; with `masks`, with what stands behind them."""
    return SuggestionSeen(
        kind=one.kind,
        text=one.text,
        sentences=tuple(map(sentence_seen, one.sentences)),
        score=one.score,
        script=one.script,
        version=one.version,
        recalled=tuple(_behind(kept.text, masks) for kept in one.recalled),
    )


def all_seen(shown: str, told: Suggested, masks: Masks | None = None) -> Suggestions:
    """Everything that was suggested, under the id by which it is judged: for the agent of its
    conversation, who sees what the customer wrote there, so also what is recalled of it.
    """
    trace = told.trace
    return Suggestions(
        shown=shown,
        after=trace.after,
        suggestions=tuple(seen(one, masks) for one in told.suggestions),
        verification=seen(told.verification) if told.verification else None,
        recalled=tuple(RecalledSeen(one.turn, _behind(one.text, masks)) for one in told.recalled),
        routed=told.routed,
        reason=trace.reason,
        engine=trace.engine,
        prompt_tokens=trace.prompt_tokens,
        kept_tokens=trace.kept_tokens,
        ms=trace.ms,
    )


def _behind(text: str, masks: Masks | None) -> str:
    return text if masks is None else masks.restore(text)
