"""Where dead letters lie and their events go: the file log's folder, or Kafka's topics.

Settings, and brokers where there are some, come in; a shelf goes out, to read letters from and to
put an event by. Marks and rights are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from feature_store.dead_letters import DeadLetter, read_dead
from finmodel.settings import Settings
from serving.brokers import spoken_to

if TYPE_CHECKING:
    from feature_store.reading_again import Stands
    from feature_store.topic_maps import TopicMap
    from finmodel.events import Event


class Shelf(Protocol):
    """Dead letters of one log."""

    def letters(self) -> Iterator[DeadLetter]:
        """All of them, each once."""

    def put(self, event: Event, letter: DeadLetter) -> Stands:
        """Have a letter's event counted, unless one of its id is in the log."""


class FileShelf:
    """Those of the file log; NotReady from `put` while another process writes to the log."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def letters(self) -> Iterator[DeadLetter]:
        """All of them, topic by topic."""
        return read_dead(self._settings.dead_letters)

    def put(self, event: Event, letter: DeadLetter) -> Stands:
        """Append a letter's event, unless one of its id stands in its customer's partition."""
        from feature_store.event_log import FileEventLog
        from feature_store.reading_again import put_once

        events = self._settings.events
        partitions = FileEventLog(events).partitions
        with FileEventLog(events, partitions=partitions, write=True) as log:
            return put_once(log, event, letter)


@contextmanager
def opened_shelf(settings: Settings, most_ms: int | None = None) -> Iterator[Shelf]:
    """Kafka's where its brokers are named, else the file log's; `most_ms` is how long one answer
    may take, where the file of options has more patience.
    """
    broker = settings.kafka
    if not broker.address:
        yield FileShelf(settings)
        return
    options = spoken_to(broker.address, broker.config, most_ms)
    from feature_store.dead_reading import KafkaShelf
    from feature_store.kafka_log import KafkaEventLog

    with KafkaEventLog(options) as log:
        yield KafkaShelf(log, maps_of(settings))


def maps_of(settings: Settings) -> tuple[TopicMap, ...]:
    """Today's topics.yaml; none where there is no such file and none was named."""
    if not settings.topics and not settings.topic_maps.exists():
        return ()
    from feature_store.topic_file import load_topic_maps

    return load_topic_maps(settings.topic_maps)
