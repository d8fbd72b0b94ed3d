"""Dead letters as the page asks for them: those of the log that the settings name.

Settings come in; letters, or what became of one, go out, with the patience of somebody who waits
for a page: a Kafka that does not answer is told in a sentence.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from feature_store.dead_letters import DeadLetter
from finmodel.errors import FinmodelError, NotReady
from finmodel.records import Person
from finmodel.settings import Settings
from serving.road import letters
from serving.road.letters import Letters, Record, Replayed, letters_of
from serving.road.shelves import Shelf, opened_shelf

if TYPE_CHECKING:
    from feature_store.reading_again import Stands
    from finmodel.events import Event

ANSWER_MS: Final = 3_000
"""So long a page waits for one answer of a broker."""
ALL_S: Final = 6.0
"""So long for all letters; a page has ten seconds."""


class _Until:
    """A shelf whose letters end in NotReady at a time of `time.monotonic`."""

    def __init__(self, shelf: Shelf, until: float) -> None:
        self._shelf, self._until = shelf, until

    def letters(self) -> Iterator[DeadLetter]:
        """All of them, while there is time."""
        for letter in self._shelf.letters():
            if time.monotonic() > self._until:
                raise _too_many()
            yield letter

    def put(self, event: Event, letter: DeadLetter) -> Stands:
        """As the shelf does."""
        return self._shelf.put(event, letter)


def letters_here(settings: Settings, seconds: float = ALL_S) -> Letters:
    """The letters of this platform's log; where they cannot be read, a sentence in their place."""
    where = settings.kafka.address
    try:
        found = _of_kafka(settings, seconds) if where else letters_of(settings)
    except FinmodelError as error:
        found = Letters(0, 0, (), (), str(error))
    return replace(found, kafka=where)


def replay_here(settings: Settings, name: str, person: Person, record: Record) -> Replayed:
    """As `letters.replay`, for a letter of this platform's log."""
    with opened_shelf(settings, ANSWER_MS) as shelf:
        return letters.replay(settings, name, person, record, shelf)


def _of_kafka(settings: Settings, seconds: float) -> Letters:
    """Read in a thread of its own, which ends soon after nobody waits for it any more."""
    until = time.monotonic() + seconds

    def read() -> Letters:
        with opened_shelf(settings, ANSWER_MS) as shelf:
            return letters_of(settings, _Until(shelf, until))

    pool = ThreadPoolExecutor(1, thread_name_prefix="letters")
    try:
        return pool.submit(read).result(seconds)
    except TimeoutError as error:
        raise _too_many() from error
    finally:
        pool.shutdown(wait=False)


def _too_many() -> NotReady:
    return NotReady(
        "Kafka's letters could not be read in time for a page",
        where="dead letters",
        remedy="ask in a shell: finmodel letters list",
    )
