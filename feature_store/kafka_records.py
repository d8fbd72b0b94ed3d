"""Records of a Kafka partition as the lines of a `Batch`, a line's number always its offset.

A consumer comes in that goes where it is told; batches go out, up to an end that was asked before.
Transactions' markers and what was aborted are passed over. This is the one place that unpacks
records: kafka-python takes 8 µs for each, and a reader of whole record batches can stand here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from feature_store.event_log import Batch

POLL_RECORDS = 10_000
POLL_MS = 100
"""A poll with nothing to give but a marker lasts so long."""


def records_until(
    consumer: KafkaConsumer, place: TopicPartition, end: int, patience_ms: int
) -> Iterator[tuple[list[int], list[bytes | None]]]:
    """Offsets and values of the partition that it is assigned, up to an end, poll by poll."""
    late = time.monotonic() + patience_ms / 1000
    while (at := consumer.position(place)) < end:
        found = consumer.poll(POLL_MS, max_records=POLL_RECORDS).get(place, [])
        records = [record for record in found if record.offset < end]
        if records:
            yield [record.offset for record in records], [record.value for record in records]
        if found or consumer.position(place) > at:
            late = time.monotonic() + patience_ms / 1000
        elif time.monotonic() > late:
            raise KafkaTimeoutError(f"no record in {patience_ms} ms")


def batches_of(
    topic: str, partition: int, offsets: Sequence[int], values: Sequence[bytes | None]
) -> Iterator[Batch]:
    r"""Records as batches, a new one behind each gap of the offsets.

    >>> [(batch.first_offset, batch.count, batch.lines)
    ...  for batch in batches_of("t", 0, [4, 5, 9], [b"{}", None, b'{\n}'])]
    [(4, 2, b'{}\nnull\n'), (9, 1, b'{\t}\n')]
    """
    start = 0
    for index in range(1, len(offsets) + 1):
        if index == len(offsets) or offsets[index] != offsets[index - 1] + 1:
            lines = b"".join(map(_line, values[start:index]))
            yield Batch(topic, partition, offsets[start], index - start, lines)
            start = index


def _line(value: bytes | None) -> bytes:
    if value is None or not value.strip():
        return b"null\n"
    return value.replace(b"\n", b"\t").replace(b"\r", b"\t") + b"\n"
