"""Records of Kafka's partitions as batches of columns: what a consumer fetched, never one by one.

kafka-python keeps the connections, fetches, checks sums, decompresses, and knows which
transactions were aborted; in place of its 8 µs of Python for each record stands one compiled pass
over a record batch. This is the one place that knows how it hands records on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError

from feature_store.event_batch import Batch, laid_out
from feature_store.record_kernels import unpack
from feature_store.text_hash import Bytes
from finmodel.records import Int64s

RECORD_BATCHES = 2_000
"""So many are taken of a fetch in one poll, whether of many records or of one each."""


class Columns(NamedTuple):
    """Records of one batch: what stands where kafka-python has a record's value."""

    data: Bytes
    spans: Int64s
    """(2, n), as a `Batch` has them."""
    offsets: Int64s
    times_ms: Int64s


_EMPTY = np.empty(0, np.int64)
_NONE = Columns(np.empty(0, np.uint8), np.empty((2, 0), np.int64), _EMPTY, _EMPTY)


class _OneRecord(NamedTuple):
    """A whole record batch as the one record of it that kafka-python's walk sees."""

    value: Columns
    offset: int
    """The last one's: the walk passes over what ends before the offset asked for."""
    size_in_bytes: int
    key: None = None
    headers: tuple[()] = ()
    timestamp: int = -1
    timestamp_type: int = 0
    checksum: None = None

    def validate_crc(self) -> bool:
        """The batch's own sum was checked before."""
        return True


class _WholeBatch:
    """A record batch that is walked in one step; all else of it is kafka-python's."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # a marker of a transaction's end

    def __iter__(self) -> Iterator[_OneRecord]:
        found = _unpacked(self._batch) if self._batch.magic == 2 else _one_by_one(self._batch)
        if len(found.offsets):
            last = self._batch.next_offset - 1 if self._batch.magic == 2 else found.offsets[-1]
            yield _OneRecord(found, int(last), len(found.data))


class _WholeBatches:
    """A fetch's record batches, each walked in one step."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> _WholeBatch | None:
        batch = self._records.next_batch()
        return None if batch is None else _WholeBatch(batch)


class _PartitionColumns(Fetcher.PartitionRecords):  # type: ignore[misc]
    """kafka-python's walk over what a fetch brought of one partition, a record batch a step."""

    def _unpack_records(self, tp: Any, records: Any, *serializers: Any) -> Iterator[Any]:
        walk: Iterator[Any] = super()._unpack_records(tp, _WholeBatches(records), *serializers)
        return walk


def give_columns(consumer: KafkaConsumer) -> KafkaConsumer:
    """The same consumer, whose records are from now on record batches: `.value` is `Columns`."""
    consumer._fetcher.PartitionRecords = _PartitionColumns
    return consumer


def positions(consumer: KafkaConsumer) -> dict[TopicPartition, int]:
    """Where each partition goes on, as it is known; kafka-python's own `position` looks after all
    partitions at each call for one."""
    assigned: dict[TopicPartition, Any] = consumer._subscription.assignment
    return {place: state.position.offset for place, state in assigned.items() if state.position}


def batch_of(topic: str, partition: int, some: Sequence[Columns], begin: int, end: int) -> Batch:
    """Record batches that follow each other as one batch, from an offset on, up to another."""
    some = [_NONE, *some]
    shifts = np.cumsum([0, *(len(one.data) for one in some[:-1])])
    data = np.concatenate([one.data for one in some])
    offsets = np.concatenate([one.offsets for one in some])
    times = np.concatenate([one.times_ms for one in some])
    moved = [one.spans + shift for one, shift in zip(some, shifts, strict=True)]
    spans = np.concatenate(moved, axis=1)
    kept = slice(*np.searchsorted(offsets, [begin, end]).tolist())
    data.flags.writeable = False  # as a file's are: compiled once for both
    return Batch(topic, partition, data, spans[:, kept], offsets[kept], begin, end, times[kept])


def _unpacked(batch: Any) -> Columns:
    """A record batch of format v2 as columns."""
    iter(batch)  # decompresses
    n = batch.records_count
    data = np.frombuffer(batch._buffer, np.uint8)
    offsets, times, spans = np.empty(n, np.int64), np.empty(n, np.int64), np.empty((2, n), np.int64)
    base = batch.base_offset, batch.first_timestamp
    whole = unpack(data, batch._pos, base, (offsets, times, spans))
    if whole < n:
        raise CorruptRecordError(f"record {whole} of the batch at {batch.base_offset} is broken")
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        times[:] = batch.max_timestamp
    return Columns(data, spans, offsets, times)


def _one_by_one(batch: Any) -> Columns:
    """A record batch of a format before Kafka 0.11, by kafka-python."""
    records = list(batch)
    data, spans = laid_out([record.value for record in records])
    offsets = np.array([record.offset for record in records], np.int64)
    times = np.array([record.timestamp or -1 for record in records], np.int64)
    return Columns(data, spans, offsets, times)
