"""Shares of partition numbers: whole, even, sticky, and in one hand at most on the way."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from kafka.protocol.consumer.metadata import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
)

from feature_store.kafka_assignor import CoPartitioned, Member, shares

TOPICS = frozenset({"a", "b"})
NOTHING = Member(TOPICS, frozenset(), -1)


@st.composite
def groups(draw, most=12):
    """A group in which any two may claim the same, in any generations, and its topics."""
    names = draw(st.lists(st.text("xyz", min_size=1, max_size=3), min_size=1, unique=True))
    numbers = st.frozensets(st.integers(0, most + 2), max_size=most)
    claims = {name: (draw(numbers), draw(st.integers(1, 3))) for name in names}
    counts = {"a": draw(st.integers(0, most)), "b": draw(st.integers(0, most))}
    return {name: Member(TOPICS, *claim) for name, claim in claims.items()}, counts


def settled(members, counts):
    """What all hold when nothing moves any more; checks each round on the way."""
    for generation in range(10, 14):
        now = shares(members, counts)
        for name, numbers in now.items():
            others = [m for other, m in members.items() if other != name]
            for number in numbers - members[name].held:
                assert not any(number in other.held for other in others)
        some = [number for numbers in now.values() for number in numbers]
        assert len(some) == len(set(some))
        if all(members[name].held == numbers for name, numbers in now.items()):
            return now
        members = {
            name: Member(members[name].topics, numbers, generation) for name, numbers in now.items()
        }
    raise AssertionError("it does not come to rest in three rounds")


@given(groups())
def test_each_number_goes_to_one_and_the_shares_are_even(group):
    members, counts = group
    held = settled(members, counts)
    sizes = [len(numbers) for numbers in held.values()]
    assert frozenset().union(*held.values()) == frozenset(range(max(counts.values())))
    assert sum(sizes) == max(counts.values())
    assert max(sizes) - min(sizes) <= 1


@given(groups(), st.randoms())
def test_the_order_in_which_members_are_told_does_not_matter(group, random):
    members, counts = group
    mixed = list(members.items())
    random.shuffle(mixed)
    assert shares(dict(mixed), dict(reversed(counts.items()))) == shares(members, counts)


@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.sets(st.integers(0, 8), max_size=4),
    st.integers(0, 3),
    st.integers(-5, 20),
)
def test_no_number_moves_that_need_not(count, workers, gone, more, grown):
    """Workers go, come, topics grow: who stays keeps all that an even share has room for."""
    before = settled({f"w{i}": NOTHING for i in range(workers)}, {"a": count})
    stay = {name: numbers for i, (name, numbers) in enumerate(before.items()) if i not in gone}
    members = {name: Member(TOPICS, numbers, 3) for name, numbers in stay.items()}
    members |= {f"n{i}": NOTHING for i in range(more)}
    if not members:
        return
    count = max(1, count + grown)
    after = settled(members, {"a": count})
    least, extra = divmod(count, len(members))
    held = {name: {n for n in numbers if n < count} for name, numbers in stay.items()}
    biggest = sorted((len(numbers) for numbers in held.values()), reverse=True)
    room = [least + 1] * extra + [least] * len(members)
    kept = sum(len(numbers & after[name]) for name, numbers in held.items())
    assert kept == sum(map(min, biggest, room))


def test_a_claim_from_before_is_no_claim_and_two_of_one_time_are_none():
    old, new = Member(TOPICS, frozenset({0, 1}), 4), Member(TOPICS, frozenset({0}), 5)
    assert shares({"old": old, "new": new}, {"a": 2}) == {"old": {1}, "new": {0}}
    one = Member(TOPICS, frozenset({0}), 5)
    assert shares({"one": one, "two": one}, {"a": 1}) == {"one": set(), "two": set()}


def test_topics_that_are_not_there_or_known_to_few_or_still_growing():
    assert shares({"x": NOTHING, "y": NOTHING}, {}) == {"x": set(), "y": set()}
    before = Member(frozenset("a"), frozenset({0, 1}), 1)
    after = Member(frozenset("ab"), frozenset({2, 3}), 1)
    same = {"before": before, "after": after}
    assert shares(same, {"a": 4, "b": 4}) == {"before": {0, 1}, "after": {2, 3}}
    grown = settled(same, {"a": 4, "b": 8})  # of 4 to 7, `before` would read nothing
    assert grown == {"before": {0, 1, 2, 3}, "after": {4, 5, 6, 7}}
    assert settled(same, {"a": 8, "b": 4})["before"] >= {0, 1}


def joined(assignor, topics, name):
    """A member as the leader sees it: through the wire and back."""
    sent = ConsumerProtocolSubscription.decode(assignor.metadata(topics).encode())
    return SimpleNamespace(member_id=name, group_instance_id=None, metadata=sent)


def test_kafka_python_is_told_whole_partitions_of_what_each_member_reads():
    places = [TopicPartition("a", 1), TopicPartition("b", 1), TopicPartition("a", 0)]
    mine = CoPartitioned(lambda: places)
    mine.on_assignment(ConsumerProtocolAssignment(2, [], b""), 7)
    new = CoPartitioned(lambda: [])
    assert isinstance(mine, AbstractPartitionAssignor)
    members = [joined(new, {"a", "b", "c"}, "new"), joined(mine, {"a", "b"}, "mine")]
    assert members[1].metadata.generation_id == 7
    cluster = SimpleNamespace(
        partitions_for_topic=lambda topic: {"a": {0, 1, 2}, "b": {0, 1, 2, 3}}.get(topic)
    )
    found = {
        name: ConsumerProtocolAssignment.decode(sent.encode()).partitions()
        for name, sent in mine.assign(cluster, members).items()
    }
    assert sorted(found["mine"]) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert sorted(found["new"]) == [("a", 2), ("b", 2), ("b", 3)]
