"""What written replies are worth: the suites that bases, adapters and servers are compared by.

Held-out lessons, the facts behind them and what somebody wrote come in; a figure for each measure
goes out, each with the number of replies behind it. Who wrote the replies is not known here. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from fine_tune.lessons.distance import distance
from fine_tune.lessons.samples import Lesson
from finmodel.assistant.briefing import identity_told
from finmodel.assistant.facts import Facts
from finmodel.assistant.reply_rules import is_grounded, violations
from finmodel.assistant.scripts import Scripts, State
from finmodel.certainty import wilson
from finmodel.clock import china_day
from finmodel.conversations import Account, Conversation, Identity


class Written(msgspec.Struct, frozen=True):
    """A reply beside the approved one."""

    conversation: str
    script: str
    customer: str
    """The customer's last words."""
    approved: str
    written: str
    distance: float
    """Edits that make one the other, over the longer one's length."""


class Figure(msgspec.Struct, frozen=True):
    """One measure of one suite."""

    value: float | None
    """None of no replies."""
    of: int
    """So many replies."""
    low: float | None = None
    """A share's interval (Wilson, 95 %)."""
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What is true of a conversation that a reply is checked against."""

    facts: Facts
    day: date
    account: Account | None = None


def settings_of(conversations: Iterable[Conversation]) -> dict[str, Setting]:
    """The facts and the day of each conversation, by its id."""
    return {
        one.id: Setting(Facts.of_plain(one.facts), china_day(one.started), one.account)
        for one in conversations
    }


def asked_of(lessons: Sequence[Lesson], count: int) -> list[Lesson]:
    """So many held-out replies, each as a lesson of its own, in rounds over the lessons.

    Lesson k gives its reply k, k + 1, …, modulo how many it has: were it the last one of each,
    most would say goodbye.
    """
    most = max((len(one.replies) for one in lessons), default=0)
    found = [
        msgspec.structs.replace(one, replies=(one.replies[(place + turn) % len(one.replies)],))
        for turn in range(most)
        for place, one in enumerate(lessons)
        if turn < len(one.replies)
    ]
    return found[:count]


def compare(lesson: Lesson, written: str) -> Written:
    """What was written for a lesson's only reply, beside that reply."""
    (reply,) = lesson.replies
    history = lesson.messages[: reply.after]
    asked = next((m.text for m in reversed(history) if m.role == "user"), "")
    apart = distance(written, reply.text)
    return Written(lesson.id, reply.script, asked, reply.text, written, apart)


@dataclass(frozen=True, slots=True)
class Judge:
    """What replies are judged by."""

    scripts: Scripts
    unseen: frozenset[str]
    """Scripts that stand in no training conversation: reported apart."""
    settings: Mapping[str, Setting]

    def figures(self, lessons: Sequence[Lesson], written: Sequence[Written]) -> dict[str, Figure]:
        """Every figure that replies alone can give, as `suite.measure`."""
        unseen = [one for one in written if one.script in self.unseen]
        known = [one for one in written if one.script in self.scripts]
        pairs = list(zip(lessons, written, strict=True))
        broken = [violations(one.written, _identity(lesson)) for lesson, one in pairs]
        return {
            "intent.right": _share([self._intent_is_right(one) for one in known]),
            "script.distance": _mean([one.distance for one in written]),
            "script.nearest": _mean([self._nearest(*pair) for pair in pairs]),
            "script.exact": _share([one.distance == 0.0 for one in written]),
            "script.distance_unseen": _mean([one.distance for one in unseen]),
            "script.exact_unseen": _share([one.distance == 0.0 for one in unseen]),
            "numbers.grounded": _share([self._is_grounded(one) for one in written]),
            "guards.violations": _mean([float(len(one)) for one in broken]),
        }

    def _nearest(self, lesson: Lesson, one: Written) -> float:
        """Edits to the nearest of the approved replies: what was sent, or might have been."""
        others = (distance(one.written, text) for text in self._as_good(lesson, one))
        return min((one.distance, *others))

    def _as_good(self, lesson: Lesson, one: Written) -> list[str]:
        """Scripts that answer the same as closely: which of them was sent was chance."""
        if one.script not in self.scripts:
            return []
        sent, setting = self.scripts[one.script], self.settings[one.conversation]
        state = State(_identity(lesson), setting.account)
        found = self.scripts.as_good(sent, state, setting.day, setting.facts)
        return [other.text for other in found]

    def _intent_is_right(self, one: Written) -> bool:
        return nearest_intents(one.written, self.scripts) == {self.scripts[one.script].intent}

    def _is_grounded(self, one: Written) -> bool:
        setting = self.settings[one.conversation]
        return is_grounded(one.written, setting.facts, setting.day)


def broken_by_rule(lessons: Sequence[Lesson], written: Sequence[Written]) -> dict[str, int]:
    """How many replies break each rule."""
    return dict(
        Counter(
            rule
            for lesson, one in zip(lessons, written, strict=True)
            for rule in violations(one.written, _identity(lesson))
        )
    )


def nearest_intents(text: str, scripts: Scripts) -> frozenset[str]:
    """The intents of the approved scripts that are the fewest edits away, of several as near all.

    Of a script only what may still be nearest is compared: two texts differ by at least the
    characters that one has more of than the other.
    """
    mine = Counter(text)
    bounds = sorted((_least(text, mine, one.text), one.id) for one in scripts.values())
    best, found = math.inf, set[str]()
    for bound, name in bounds:
        if bound > best:
            break
        apart = distance(text, scripts[name].text)
        if apart < best:
            best, found = apart, set()
        if apart == best:
            found.add(scripts[name].intent)
    return frozenset(found)


def _least(text: str, mine: Counter[str], other: str) -> float:
    longest = max(len(text), len(other))
    shared = sum((mine & Counter(other)).values())
    return (longest - shared) / longest if longest else 0.0


def _identity(lesson: Lesson) -> Identity:
    """Who the customer was known to be when the reply was written."""
    (reply,) = lesson.replies
    said = (one.text for one in reversed(lesson.messages[: reply.after]) if one.role == "system")
    return next((known for text in said if (known := identity_told(text))), "none")


def _share(right: Sequence[bool]) -> Figure:
    if not right:
        return Figure(None, 0)
    low, high = wilson(sum(right), len(right))
    return Figure(sum(right) / len(right), len(right), low, high)


def _mean(values: Sequence[float]) -> Figure:
    return Figure(sum(values) / len(values) if values else None, len(values))
