"""A lender's own topics as ours: an `EventLog` over another, by maps.

Our topics' names come in; events are read from the topics that a lender keeps, with its offsets and
partitions. What makes no event is kept as a dead letter before what is behind it is handed on. A
lender's topic may give a customer another partition than ours do. Nothing is written through it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from feature_store.dead_letters import DeadLetter, DeadLetters
from feature_store.event_batch import Batch, laid_out
from feature_store.event_log import EventLog, Following, Place, TopicState
from feature_store.rejections import Rejected, Skipped
from feature_store.topic_maps import TopicMap, translate
from finmodel.errors import Refused
from finmodel.events import Event, encode


class TranslatedLog:
    """The topics that maps name, read as ours; every other topic as it is."""

    def __init__(self, log: EventLog, maps: Sequence[TopicMap], dead: DeadLetters) -> None:
        self._log, self._dead = log, dead
        self._maps = {one.topic: one for one in maps}
        self.partitions = log.partitions
        self.rejected: Counter[str] = Counter()

    def topics(self) -> tuple[str, ...]:
        """Topics that hold something, by our names."""
        return tuple(self.states())

    def states(self) -> dict[str, TopicState]:
        """The same, each as it is now."""
        ours = {t: state for t, state in self._log.states().items() if t not in self._maps}
        theirs = {t: TopicState(self.topic_number(t), self.end_offsets(t)) for t in self._maps}
        return ours | {topic: state for topic, state in theirs.items() if any(state.ends)}

    def begin_offsets(self, topic: str) -> tuple[int, ...]:
        """The offset from which each partition is still kept."""
        return self._log.begin_offsets(self.source_of(topic))

    def end_offsets(self, topic: str) -> tuple[int, ...]:
        """The offset that each partition's next event will have."""
        return self._log.end_offsets(self.source_of(topic))

    def topic_number(self, topic: str) -> int:
        """32 bits that tell the source from a later one of the same name."""
        return self._log.topic_number(self.source_of(topic))

    def append(self, topic: str, events: Iterable[Event]) -> int:
        """Refused where the topic is a lender's own."""
        if topic in self._maps:
            raise Refused(
                "it is read from the lender's own topic",
                where=topic,
                remedy=f"write to {self.source_of(topic)}",
            )
        return self._log.append(topic, events)

    def read(self, topic: str, partition: int, from_offset: int = 0) -> Iterator[Batch]:
        """What one partition holds now, in order, from an offset on."""
        return map(self._ours, self._log.read(self.source_of(topic), partition, from_offset))

    @contextmanager
    def follow(self, starts: Mapping[Place, int]) -> Iterator[_Translated]:
        """What comes to some partitions from offsets on, to be polled."""
        theirs = {(self.source_of(topic), n): at for (topic, n), at in starts.items()}
        with self._log.follow(theirs) as following:
            yield _Translated(self, following)

    def source_of(self, topic: str) -> str:
        """The name of the topic that one of ours is read from."""
        found = self._maps.get(topic)
        return found.source if found else topic

    def _ours(self, batch: Batch) -> Batch:
        found = next((one for one in self._maps.values() if one.source == batch.topic), None)
        return batch if found is None else self._translated(found, batch)

    def _translated(self, topic_map: TopicMap, batch: Batch) -> Batch:
        kept, values, letters = [], [], []
        for index in range(len(batch)):
            value = batch.sent(index)
            timestamp_ms = batch.time_of(index)
            event = translate(topic_map, value, timestamp_ms)
            if isinstance(event, Rejected):
                place = batch.topic, batch.partition, int(batch.offsets[index])
                letters.append(DeadLetter(*place, str(event), value, timestamp_ms=timestamp_ms))
            elif not isinstance(event, Skipped):
                kept.append(index)
                values.append(encode(event))
        if letters:
            self._dead.put(letters)
            self.rejected[batch.topic] += len(letters)
        return _batch_of(topic_map.topic, batch, kept, values, len(letters))


class _Translated:
    """A following whose batches are translated."""

    def __init__(self, log: TranslatedLog, following: Following) -> None:
        self._log, self._following = log, following

    def poll(self, wait_s: float) -> list[Batch]:
        """What came since, as our events."""
        return [self._log._ours(batch) for batch in self._following.poll(wait_s)]


def _batch_of(
    topic: str, source: Batch, kept: Sequence[int], values: Sequence[bytes], letters: int
) -> Batch:
    """Values at their sources' offsets, with nothing left out between the source's bounds."""
    data, spans = laid_out(values)
    places = np.array(kept, np.int64)
    return replace(
        source,
        topic=topic,
        data=data,
        spans=spans,
        offsets=source.offsets[places],
        times_ms=None if source.times_ms is None else source.times_ms[places],
        rejected=letters,
        skipped=len(source) - len(kept) - letters,
    )
