"""Dead letters as an engineer sees them, and one of them replayed after a fix.

Settings and a letter's id come in; its shape without anything personal, and where its event stands
now, go out. Bytes are read by today's schemas and topics.yaml. Knows no page, and not where letters
lie.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any, Final

import msgspec

from feature_store.dead_letters import DeadLetter, count_dead, find_dead, letter_id
from feature_store.rejections import Rejected, Skipped
from feature_store.replay_book import Replay, ReplayBook, replays_in
from finmodel.durable import held_alone
from finmodel.errors import BadInput, FinmodelError, NotReady
from finmodel.privacy.outline import outline
from finmodel.records import Person
from finmodel.settings import Settings
from serving.road.shelves import FileShelf, Shelf, maps_of

if TYPE_CHECKING:
    from feature_store.topic_maps import TopicMap
    from finmodel.events import Event

MOST: Final = 200
"""Letters that are shown, the newest."""
ENGINEERS: Final = frozenset({"engineer"})
REPLAYED: Final = "dead_letter_replayed"
"""The kind of the audit log's entry."""

Record = Callable[[str, dict[str, Any]], str]
"""Writes an entry of the audit log; its id."""


class Letter(msgspec.Struct, frozen=True):
    """A dead letter, without what it holds of a person."""

    id: str
    topic: str
    partition: int
    offset: int
    reason: str
    shape: str
    now: str
    """What it is today: empty where it has become an event, else the reason why it is none."""
    replay: Replay | None
    """Null where it waits."""


class Pile(msgspec.Struct, frozen=True):
    """How many letters of one topic have one reason."""

    topic: str
    reason: str
    letters: int


class Letters(msgspec.Struct, frozen=True):
    """What lies in a folder of dead letters."""

    total: int
    replayed: int
    """Of those that lie there."""
    piles: tuple[Pile, ...]
    """The largest first."""
    newest: tuple[Letter, ...]
    """At most `MOST`: the newest of each topic in turn."""
    problem: str = ""
    """What is wrong with topics.yaml; empty where it can be read, or there is none."""
    kafka: str = ""
    """The brokers that they lie at; empty for those of the file log."""


class Replayed(msgspec.Struct, frozen=True):
    """Where a letter's event stands, and whether this very call put it there."""

    replay: Replay
    new: bool


def letters_of(settings: Settings, shelf: Shelf | None = None) -> Letters:
    """All that lies there, counted, and the newest letters with what they would be today.

    Of the file log, where no shelf is given; so in what follows.
    """
    try:
        maps, problem = maps_of(settings), ""
    except FinmodelError as error:
        maps, problem = (), str(error)
    replays = replays_in(settings.dead_letters)
    newest = defaultdict[str, deque[DeadLetter]](lambda: deque(maxlen=MOST))

    done = set[str]()

    def passing() -> Iterator[DeadLetter]:
        for letter in (shelf or FileShelf(settings)).letters():
            newest[letter.topic].append(letter)
            if replays and (name := letter_id(letter)) in replays:
                done.add(name)
            yield letter

    counted = count_dead(passing())
    piles = tuple(Pile(*named, n) for named, n in counted.most_common())
    # A log need not know times: the last of each topic in turn, so that none hides another.
    turns = zip_longest(*(reversed(some) for some in newest.values()))
    latest = islice(filter(None, chain.from_iterable(turns)), MOST)
    shown = tuple(_seen(letter, maps, replays) for letter in latest)
    return Letters(counted.total(), len(done), piles, shown, problem)


def letter_of(settings: Settings, name: str, shelf: Shelf | None = None) -> Letter:
    """One letter; NotFound where there is none of this id."""
    letter = find_dead((shelf or FileShelf(settings)).letters(), name)
    return _seen(letter, maps_of(settings), replays_in(settings.dead_letters))


def replay(
    settings: Settings, name: str, person: Person, record: Record, shelf: Shelf | None = None
) -> Replayed:
    """Read a letter again, and have its event counted once, whoever asks how often.

    BadInput where it still makes no event: nothing is changed then. NotReady while another process
    writes to the file log.
    """
    shelf = shelf or FileShelf(settings)
    letter = find_dead(shelf.letters(), name)
    settings.dead_letters.mkdir(mode=0o700, parents=True, exist_ok=True)
    busy = NotReady("another replay is under way", where=name, remedy="try again")
    with (
        held_alone(settings.dead_letters / ".replaying", busy),
        closing(ReplayBook(settings.dead_letters)) as book,
    ):
        done = book.find(name)
        if done is not None:
            return Replayed(done, new=False)
        stands = shelf.put(_event(letter, maps_of(settings)), letter)
        done = Replay(name, settings.clock.now().isoformat(), person.name, *stands)
        facts = msgspec.to_builtins(done) | {"reason": letter.reason, "from": letter.topic}
        facts |= {"from_partition": letter.partition, "from_offset": letter.offset}
        record(REPLAYED, facts | {"demo": person.demo})
        book.keep(done)
        return Replayed(done, new=True)


def _event(letter: DeadLetter, maps: Sequence[TopicMap]) -> Event:
    from feature_store.reading_again import read_again

    event = read_again(letter, maps)
    if isinstance(event, Rejected | Skipped):
        raise BadInput(
            f"it still makes no event: {_why(event)}",
            where=f"dead letter {letter_id(letter)}",
            remedy="mend the map in topics.yaml or its schema, then replay it: docs/topics.md",
        )
    return event


def _seen(letter: DeadLetter, maps: Sequence[TopicMap], replays: dict[str, Replay]) -> Letter:
    from feature_store.reading_again import read_again

    name, today = letter_id(letter), read_again(letter, maps)
    return Letter(
        id=name,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        reason=letter.reason,
        shape=outline(letter.value),
        now=_why(today) if isinstance(today, Rejected | Skipped) else "",
        replay=replays.get(name),
    )


def _why(found: Rejected | Skipped) -> str:
    return (
        f"{found.reason}, which its map passes over" if isinstance(found, Skipped) else str(found)
    )
