"""How long customers waited and were attended to, and whether they came again, for a supervisor.

A way of grouping comes in; figures of the last 30 days go out, beside how long agents drafted. What
is not counted yet is counted now, a piece at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from finmodel.assistant.matching.situation import BESIDE, VERIFY, situation_of
from finmodel.assistant.scripts import State
from finmodel.assistant.suggesting.shelf import Shelf
from finmodel.certainty import wilson
from finmodel.clock import china_day
from finmodel.contact_book import Made
from finmodel.conversations import Conversation, Message
from finmodel.handling import About, Handling, came_again, figures
from finmodel.tenure import tenure_of
from serving.access import People
from serving.assisting.desk import AssistDesk

By: TypeAlias = Literal["agent", "tenure", "scenario", "tenure_scenario"]


class Attended(Struct, frozen=True, kw_only=True):
    """Figures of one group."""

    group: str
    handling: Handling
    resolved_low: float | None
    resolved_high: float | None
    """Wilson's 95 % interval of `resolved` in `known`; None where nothing is known."""
    drafting_s: float | None
    """Mean drafting time of suggestions in the same group; None where there were none."""


class AttendedBy(Struct, frozen=True, kw_only=True):
    """What was attended to in the last 30 days, in each group."""

    by: By
    groups: tuple[Attended, ...]
    left: int
    """Messages that are not counted yet: ask again."""


def attended(by: By, desk: AssistDesk) -> AttendedBy:
    """The figures in groups, by their names."""
    shelf = desk.shelf
    left = desk.contacts.count(lambda talk, part: matter_of(talk, part, shelf))
    now, span = desk.clock.now(), desk.last_month()
    made = desk.contacts.made(*span)
    name_of = _naming(by, desk)
    groups: dict[str, list[tuple[About, bool]]] = defaultdict(list)
    for one, again in zip(made, came_again([one.about for one in made]), strict=True):
        groups[name_of(one)].append((one.about, again))
    worth = desk.suggestions.worth(by, *span)
    drafting = {one.group: one.seconds for one in worth}
    told = (_told(name, groups[name], drafting.get(name), now) for name in sorted(groups))
    return AttendedBy(by=by, groups=tuple(told), left=left)


def matter_of(talk: Conversation, part: tuple[Message, ...], shelf: Shelf) -> str:
    """The first matter that the customer brings in a contact, as the ranker of scripts reads it.

    Empty where nothing but greetings, thanks and verification is read.
    """
    scripts, ranker = shelf.scripts, shelf.ranker
    for place, said in enumerate(part):
        closed = place + 1 == len(part) or part[place + 1].who == "agent"
        if said.who != "customer" or not closed:
            continue
        situation = situation_of(part[: place + 1], said.identity, talk.account, scripts)
        state = State(said.identity, talk.account)
        wanted = ranker.wanted(situation, state, china_day(said.at))
        first = next(iter(wanted), "")
        if first and first != VERIFY and first not in BESIDE:
            return first
    return ""


def _naming(by: By, desk: AssistDesk) -> Callable[[Made], str]:
    """What the group of a contact is called, as the suggestions' groups are."""
    since = {one.name: one.since for one in People(desk.settings.people).everyone()}

    def tenure(one: Made) -> str:
        return tenure_of(since.get(one.agent), china_day(one.about.contact.began))

    names: dict[By, Callable[[Made], str]] = {
        "agent": lambda one: one.agent,
        "scenario": lambda one: one.scenario,
        "tenure": tenure,
        "tenure_scenario": lambda one: f"{tenure(one)} · {one.scenario}",
    }
    return names[by]


def _told(
    name: str, group: list[tuple[About, bool]], drafting: float | None, now: datetime
) -> Attended:
    found = figures(group, now)
    low, high = wilson(found.resolved, found.known) if found.known else (None, None)
    return Attended(
        group=name,
        handling=found,
        resolved_low=low,
        resolved_high=high,
        drafting_s=drafting,
    )
