"""Who of a worker group counts which partition numbers: all topics' partition 3 has one owner.

Members and what they hold come in; who holds what next goes out: shares that differ by one at most,
with as few moves as that takes. Cooperative: a number that moves is first only taken away, and
given when its owner has let go, so it is in one hand at most. Knows no connection and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor, RebalanceProtocol
from kafka.protocol.consumer.metadata import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
)

_VERSION = 2
"""Of the subscription's layout: the first with the generation in which the numbers were given."""


class Member(NamedTuple):
    """What one worker says as it joins."""

    topics: frozenset[str]
    held: frozenset[int]
    """The numbers that it counts, and goes on counting until it is told otherwise."""
    generation: int
    """Of the group, when it was given them: of two that claim a number, the older has lost it."""


def shares(members: Mapping[str, Member], counts: Mapping[str, int]) -> dict[str, frozenset[int]]:
    """What each member holds after this round; a number on its way stays out for one round.

    `counts` are the topics' partitions. A worker that does not know a topic yet leaves its
    partitions alone, and holds no number of which it would read nothing.

    >>> two = {"a": Member(frozenset("t"), frozenset(range(4)), 1),
    ...        "b": Member(frozenset("t"), frozenset(), -1)}
    >>> [sorted(numbers) for numbers in shares(two, {"t": 4}).values()]
    [[0, 1], []]
    >>> two["a"] = Member(frozenset("t"), frozenset({0, 1}), 2)
    >>> [sorted(numbers) for numbers in shares(two, {"t": 4, "new": 1}).values()]
    [[0, 1], [2, 3]]
    """
    owners = _owners(members)
    return {
        name: frozenset(number for number in numbers if owners.get(number, {name}) == {name})
        for name, numbers in _aims(members, owners, counts).items()
    }


def _owners(members: Mapping[str, Member]) -> dict[int, set[str]]:
    """Whose claim to a number is the newest; more than one where a group has come apart."""
    newest: dict[int, int] = {}
    for member in members.values():
        for number in member.held:
            newest[number] = max(newest.get(number, -1), member.generation)
    return {
        number: {
            name
            for name, member in members.items()
            if number in member.held and member.generation == generation
        }
        for number, generation in newest.items()
    }


def _aims(
    members: Mapping[str, Member], owners: Mapping[int, set[str]], counts: Mapping[str, int]
) -> dict[str, set[int]]:
    """What each member is to hold when all has moved."""
    reach = {
        name: max((counts.get(topic, 0) for topic in members[name].topics), default=0)
        for name in sorted(members)
    }
    aims: dict[str, set[int]] = {name: set() for name in reach}
    # From the highest, which the fewest may hold while topics differ.
    for free in (False, True):
        for number in reversed(range(max(reach.values(), default=0))):
            some = owners.get(number, set())
            kept = len(some) == 1 and number < reach[min(some)]
            if kept and not free:
                aims[min(some)].add(number)
            elif free and not kept:
                able = [name for name in aims if number < reach[name]]
                aims[min(able, key=lambda name: len(aims[name]))].add(number)
    while move := _next_move(aims, reach):
        number, giver, taker = move
        aims[giver].remove(number)
        aims[taker].add(number)
    return aims


def _next_move(
    aims: Mapping[str, set[int]], reach: Mapping[str, int]
) -> tuple[int, str, str] | None:
    """A number that makes the shares more even, from whom and to whom."""
    by_load = sorted(aims, key=lambda name: len(aims[name]))
    for giver in reversed(by_load):
        for taker in by_load:
            if len(aims[giver]) - len(aims[taker]) < 2:
                break
            able = [number for number in aims[giver] if number < reach[taker]]
            if able:
                return max(able), giver, taker
    return None


class CoPartitioned:
    """`shares` as kafka-python's coordinator asks for it.

    `held` says what the consumer holds at this moment: claimed are these partitions and no others,
    also after a membership was lost.
    """

    name = "finmodel-numbers"

    def __init__(self, held: Callable[[], Iterable[TopicPartition]]) -> None:
        self._held = held
        self._generation = -1
        self.counted = 0
        """How many numbers the group's leader knew of, as it last gave them out."""

    def supported_protocols(self) -> list[RebalanceProtocol]:
        """Cooperative, and nothing that would stop all for every change."""
        return [RebalanceProtocol.COOPERATIVE]

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolSubscription:
        """What this member says as it joins."""
        claimed = _by_topic(self._held())
        place = ConsumerProtocolSubscription.TopicPartition
        return ConsumerProtocolSubscription(
            version=_VERSION,
            topics=sorted(topics),
            user_data=b"",
            owned_partitions=[place(topic=t, partitions=some) for t, some in claimed],
            generation_id=self._generation,
        )

    def on_assignment(self, assignment: ConsumerProtocolAssignment, generation: int) -> None:
        """Note when the numbers were given, and of how many."""
        self._generation = generation
        self.counted = int(assignment.user_data or b"0")

    def assign(self, cluster: Any, members: Iterable[Any]) -> dict[str, ConsumerProtocolAssignment]:
        """Each member's partitions, of the topics that it reads; asked of the group's leader."""
        told = {one.member_id: _member(one.metadata) for one in members}
        topics = sorted(frozenset().union(*(member.topics for member in told.values())))
        counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        counted = str(max(counts.values(), default=0)).encode()
        return {
            name: ConsumerProtocolAssignment(
                _VERSION, _partitions(told[name].topics, numbers, counts), counted
            )
            for name, numbers in shares(told, counts).items()
        }


# kafka-python asks for one of its class; nothing of it is inherited.
AbstractPartitionAssignor.register(CoPartitioned)


def _member(metadata: ConsumerProtocolSubscription) -> Member:
    claimed = [number for place in metadata.owned_partitions or () for number in place.partitions]
    return Member(frozenset(metadata.topics), frozenset(claimed), metadata.generation_id)


def _partitions(
    topics: Iterable[str], numbers: frozenset[int], counts: Mapping[str, int]
) -> list[tuple[str, list[int]]]:
    found = [(topic, sorted(n for n in numbers if n < counts[topic])) for topic in sorted(topics)]
    return [(topic, some) for topic, some in found if some]


def _by_topic(places: Iterable[TopicPartition]) -> list[tuple[str, list[int]]]:
    found: dict[str, list[int]] = {}
    for place in sorted(places):
        found.setdefault(place.topic, []).append(place.partition)
    return list(found.items())
