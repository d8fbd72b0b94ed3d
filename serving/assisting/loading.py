"""`finmodel assist load`: conversations of before, for 质检 and for tuning, masked on the way in.

A file and a person come in. Each conversation is brought as the service takes one, masked before it
is kept and read by the guards as it came; what is refused is listed by line with the reason, and
whom nothing more may be done with is left out. Loading a file again changes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace as changed

from finmodel.acts import audited
from finmodel.conversation_files import line_of, placed_conversations
from finmodel.conversations import Conversation, Message
from finmodel.durable import require_writable
from finmodel.errors import BadInput, NotFound
from finmodel.hashes import sha256_of
from finmodel.privacy.kinds import PLACEHOLDER
from finmodel.privacy.masks import Masks
from finmodel.progress import Progress, silent
from finmodel.records import Person
from finmodel.restriction_book import restricted_customers
from finmodel.settings import Settings
from serving.assisting.asked import Bring
from serving.assisting.conversing import bring
from serving.assisting.desk import AssistDesk, open_assist_desk
from serving.not_used import NOTHING_NEW, SHOWN, listed, place_beside
from serving.telemetry import Telemetry

_ASK_EVERY: Final = 100
"""Conversations between two looks at who is restricted."""
_HEADER: Final = ("line", "conversation", "reason")
_TO_LEARN_FROM: Final = ("", "train")
"""Splits of conversations that training may read: the book keeps consent, and no split."""
Became: TypeAlias = Literal["new", "known", "restricted"]


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """A conversation that was not used."""

    line: int
    """At which it begins, or at which it breaks; the first is 1."""
    conversation: str
    """Its id; empty where none could be read."""
    reason: str


@dataclass(frozen=True, slots=True)
class LoadedConversations:
    """What was done with a file."""

    conversations: int
    new: int
    """Those of which something is kept now that was not before."""
    known: int
    """Those that were loaded or brought before, the very same."""
    restricted: int
    """Those of customers who asked to be erased and must be kept: left out."""
    refused: int
    messages: int
    """So many are new."""
    not_used: list[NotLoaded]
    """The refused ones, up to a thousand of them."""
    not_used_in: str
    """The CSV that lists all of them."""
    said: str


@dataclass(frozen=True, slots=True)
class LoadAsked:
    """How a file is to be loaded."""

    agent: str = ""
    """Who answered where a conversation does not say."""
    not_used: Path | None = None
    """Where refused conversations are listed; beside the file if not said."""


@dataclass(slots=True)
class _Load:
    """One file on its way in."""

    desk: AssistDesk
    person: Person
    agent: str
    about: dict[str, str]
    """Which file it is, and who loads it."""
    messages: int = 0
    began: bool = False

    def take(self, one: Conversation) -> Became:
        """Keep what of a conversation is not kept yet."""
        one = changed(one, agent=one.agent or self.agent)
        if not one.agent:
            raise BadInput("nobody is named who answered", remedy="write agent, or give --agent")
        kept = _kept(one.id, self.desk)
        # What is kept was said first: whoever is named in it is known, and no placeholder is two's.
        every = [*(kept.messages if kept else ()), *one.messages]
        masks = Masks.of([*(said.text for said in every), *(said.slotted for said in every)])
        left = _left(one, kept, masks)
        if left is None:
            return "known"
        if not self.began:  # before anything is kept: whoever is cut short has left word
            audited(self.desk.settings, "conversations_load_began", self.about)
            self.began = True
        self.messages += bring(one.id, left[0], self.person, self.desk, left[1]).new
        return "new"


def load_conversations(
    settings: Settings,
    file: Path,
    person: Person,
    asked: LoadAsked,
    progress: Progress = silent,
) -> LoadedConversations:
    """Load a JSONL or CSV file; BadInput where it cannot be read to its end: nothing is kept then.

    A load that was cut short is done again: what it kept is known, and the rest is new.
    """
    if not file.is_file():
        raise NotFound("no such file", where=str(file), remedy="name a file of conversations")
    path = place_beside(file, asked.not_used)
    require_writable(path)
    total, left_out = _read_through(file, progress)
    about = {"file": file.name, "sha256": sha256_of(file), "by": person.name}
    restricted, became = frozenset[str](), Counter[Became]()
    # Nobody writes here: no engine is opened.
    quiet = replace(settings, writer="", writer_b="", judge="")
    with open_assist_desk(quiet, Telemetry()) as desk:
        load = _Load(desk, person, asked.agent, about)
        for done, (where, one) in enumerate(placed_conversations(file, []), start=1):
            if done % _ASK_EVERY == 1:  # somebody may ask to be erased while it is loaded
                restricted = frozenset(restricted_customers(settings))
            try:
                became["restricted" if one.customer in restricted else load.take(one)] += 1
            except BadInput as error:
                left_out.append(NotLoaded(line_of(where, file)[0], one.id, str(error)))
            progress("conversations brought", done, total)
    left_out.sort(key=lambda one: one.line)
    counts = {name: became[name] for name in ("new", "known", "restricted")}
    counts |= {"refused": len(left_out), "messages": load.messages}
    if load.began:
        audited(settings, "conversations_loaded", about | counts)
    rows = [(one.line, one.conversation, one.reason) for one in left_out]
    return LoadedConversations(
        conversations=sum(became.values()) + len(left_out),
        not_used=left_out[:SHOWN],
        not_used_in=listed(_HEADER, rows, path),
        said="" if load.began or not became["known"] else NOTHING_NEW,
        **counts,
    )


def _read_through(file: Path, progress: Progress) -> tuple[int, list[NotLoaded]]:
    """How many conversations of a file can be read, and those that cannot."""
    refused: list[BadInput] = []
    count = 0
    for count, _ in enumerate(placed_conversations(file, refused), start=1):
        progress("conversations read", count, count + 1)
    progress("conversations read", count, count)
    return count, [_not_loaded(error, file) for error in refused]


def _not_loaded(error: BadInput, file: Path) -> NotLoaded:
    line, place = line_of(error.where, file)
    return NotLoaded(line, "", str(BadInput(error.what, where=place, remedy=error.remedy)))


def _kept(name: str, desk: AssistDesk) -> Conversation | None:
    try:
        return desk.conversations.read(name)
    except NotFound:
        return None


def _left(
    one: Conversation, kept: Conversation | None, masks: Masks
) -> tuple[Bring, Masks | None] | None:
    """What of a conversation is to be brought, and how it is masked; None where nothing is left.

    What is known of one that has begun stays: a file of before has no newer facts. But it may say
    that its customer consents to training no more.
    """
    consent = one.consent_to_training and one.split in _TO_LEARN_FROM
    if kept is None:
        return _bring(one, one.messages, consent, first=True), masks
    known = {said.id: said for said in kept.messages}
    new = tuple(said for said in one.messages if not _alike(said, known.get(said.id), masks))
    withdrawn = False if kept.consent_to_training and not consent else None
    as_known = changed(one, channel=kept.channel, scenario=kept.scenario)
    if new:
        return _bring(as_known, new, withdrawn), masks
    if withdrawn is None and (kept.customer, kept.agent) == (one.customer, one.agent):
        return None
    # A message as it is kept: nothing but consent changes, or another's conversation is refused.
    return _bring(as_known, kept.messages[:1], withdrawn), None


def _bring(
    one: Conversation, messages: tuple[Message, ...], consent: bool | None, *, first: bool = False
) -> Bring:
    return Bring(
        customer=one.customer,
        channel=one.channel,
        scenario=one.scenario,
        messages=messages,
        agent=one.agent,
        account=one.account if first else None,
        facts=one.facts if first else None,
        consent_to_training=consent,
    )


def _alike(one: Message, kept: Message | None, masks: Masks) -> bool:
    """Whether a message is the one that is kept, masked or as it came."""
    return kept is not None and _bare(one, masks) == _bare(kept, masks)


def _bare(one: Message, masks: Masks) -> Message:
    """A message without anything personal, and without the numbers of its placeholders."""

    def bare(text: str) -> str:
        return PLACEHOLDER.sub(lambda found: found["label"], masks.mask(text))

    return changed(one, text=bare(one.text), slotted=bare(one.slotted))
