"""Agents' verdicts as lessons: what was sent weighs more the more of a suggestion was changed.

A conversation's messages and replies, and the verdicts on suggestions in it come in, masked; its
replies go out, each with the suggestions that it is preferred to. A figure that nobody vouched for
is neither learnt nor unlearnt. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from fine_tune.lessons.distance import distance
from fine_tune.lessons.figures import has_figure
from fine_tune.lessons.samples import Reply
from finmodel.assistant.template import Message
from finmodel.conversations import Conversation
from finmodel.errors import BadInput
from finmodel.verdicts import Verdict

ByConversation = Mapping[str, tuple[Verdict, ...]]


def by_conversation(
    verdicts: Iterable[Verdict], conversations: Iterable[Conversation]
) -> ByConversation:
    """Verdicts by their conversation, the earliest first; BadInput for one that is not among them.

    A verdict on a message that its conversation has not is refused too.
    """
    messages = {one.id: {said.id for said in one.messages} for one in conversations}
    found: dict[str, list[Verdict]] = {}
    for one in sorted(verdicts, key=lambda one: one.at):
        where = f"verdict {one.id!r}"
        if one.conversation not in messages:
            raise BadInput(
                f"its conversation {one.conversation!r} is not among those that were given",
                where=where,
                remedy="bring the conversation too, or leave the verdict out",
            )
        if one.after not in messages[one.conversation]:
            raise BadInput(
                f"conversation {one.conversation!r} has no message {one.after!r}",
                where=where,
                remedy="name in `after` the message that the suggestion answered",
            )
        found.setdefault(one.conversation, []).append(one)
    return {name: tuple(some) for name, some in found.items()}


class Judged(NamedTuple):
    """A verdict whose texts are masked."""

    after: int
    """The suggestion followed so many messages."""
    verdict: Verdict
    suggestion: str
    preferred: str
    """The text that the agent stood by; empty where there is none."""

    @property
    def weight(self) -> float:
        """What the agent's text weighs: 1 + the share of the suggestion that was changed."""
        if self.verdict.verdict == "accepted" or not self.preferred:
            return 1.0
        told = self.verdict.distance
        return 1.0 + (distance(self.suggestion, self.preferred) if told is None else told)


def judged_replies(
    messages: Sequence[Message],
    replies: Sequence[Reply],
    verdicts: Sequence[Judged],
    left_out: Counter[str],
) -> list[Reply]:
    """The replies with what verdicts say of them, those of no verdict as they were."""
    found = {one.after: one for one in replies}
    places: dict[int, list[Judged]] = {}
    for one in verdicts:
        places.setdefault(_place(messages, one.after), []).append(one)
    for place, some in places.items():
        if not any(message.role == "user" for message in messages[:place]):
            left_out["a verdict on a reply to nobody"] += len(some)
        elif reply := _reply(place, some, found.get(place), left_out):
            found[place] = reply
    return [found[place] for place in sorted(found)]


def _place(messages: Sequence[Message], after: int) -> int:
    """Where the agent's own words stand, if something was said of the customer in between."""
    place = after
    while place < len(messages) and messages[place].role == "system":
        place += 1
    return place if place < len(messages) and messages[place].role == "assistant" else after


def _reply(
    place: int, some: Sequence[Judged], known: Reply | None, left_out: Counter[str]
) -> Reply | None:
    """What is learnt where one suggestion after the other was shown; None where nothing is."""
    stood = [one for one in some if one.preferred]
    if not stood:
        left_out["a suggestion in whose place nothing was sent"] += len(some)
        return None
    text = stood[-1].preferred.strip()
    approved = known is not None and known.text.strip() == text
    if not approved and has_figure(text):
        left_out["a verdict with figures that are no slots"] += len(some)
        return None
    script = known.script if known is not None and approved else ""
    reply = Reply(place, text, max(one.weight for one in stood), script)
    return msgspec.structs.replace(reply, instead=tuple(_instead(text, some, left_out)))


def _instead(text: str, some: Sequence[Judged], left_out: Counter[str]) -> Iterable[str]:
    shown = dict.fromkeys(
        one.suggestion.strip() for one in some if one.verdict.verdict != "accepted"
    )
    for suggestion in shown:
        if suggestion == text:
            left_out["a suggestion that differs only in what is masked"] += 1
        elif has_figure(suggestion):
            left_out["a verdict with figures that are no slots"] += 1
        else:
            yield suggestion
