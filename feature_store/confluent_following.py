"""Partitions of Kafka topics, followed by confluent-kafka in kafka-python's place.

The same comes in and goes out as in kafka_following.py, an order of magnitude slower: a record is
an object here. For brokers that librdkafka reaches and kafka-python does not. What a group is, what
a topic is and where it ends stay kafka-python's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from feature_store.event_batch import Batch, laid_out
from feature_store.event_log import Place
from feature_store.kafka_settings import KafkaSettings, Option
from finmodel.errors import BadInput, FinmodelError, NotReady, Refused

MOST = 50_000
"""Records of one poll."""
_NAMES = {
    "client_id": "client.id",
    "connections_max_idle_ms": "connections.max.idle.ms",
    "metadata_max_age_ms": "metadata.max.age.ms",
    "reconnect_backoff_max_ms": "reconnect.backoff.max.ms",
    "reconnect_backoff_ms": "reconnect.backoff.ms",
    "request_timeout_ms": "socket.timeout.ms",
    "retry_backoff_ms": "retry.backoff.ms",
    "sasl_kerberos_service_name": "sasl.kerberos.service.name",
    "sasl_mechanism": "sasl.mechanism",
    "sasl_plain_password": "sasl.password",
    "sasl_plain_username": "sasl.username",
    "security_protocol": "security.protocol",
    "ssl_cafile": "ssl.ca.location",
    "ssl_certfile": "ssl.certificate.location",
    "ssl_check_hostname": "ssl.endpoint.identification.algorithm",
    "ssl_crlfile": "ssl.crl.location",
    "ssl_keyfile": "ssl.key.location",
    "ssl_password": "ssl.key.password",
}
"""kafka-python's options by librdkafka's names."""
_NOT_OURS = ("client", "delivery_timeout_ms", "max_poll_interval_ms", "session_timeout_ms")
_REFUSED = {
    KafkaError._AUTHENTICATION: (
        "the broker does not accept who we say we are",
        "mend the sasl_ options of the Kafka configuration",
    ),
}


class ConfluentFollowing:
    """A consumer that goes where it is told and on from there; for one thread."""

    def __init__(
        self, settings: KafkaSettings, starts: Mapping[Place, int], oldest: Mapping[Place, int]
    ) -> None:
        """`oldest` are the offsets from which the brokers still keep each partition."""
        self._where = f"Kafka at {settings.address}"
        self._at = dict(starts)
        self._lost = {p: oldest[p] - at for p, at in starts.items() if at < oldest[p]}
        self._said: KafkaError | None = None
        try:
            self._consumer = Consumer(options_of(settings) | {"error_cb": self._note})
            self._consumer.assign(
                [TopicPartition(*p, at + self._lost.get(p, 0)) for p, at in starts.items()]
            )
        except KafkaException as error:
            raise self._in_our_words(error.args[0]) from error

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()

    def poll(self, wait_s: float) -> list[Batch]:
        """What came, at most `MOST` records of it; empty if nothing did within the wait."""
        try:
            # Asked for many, it would wait for all of them.
            found = self._consumer.consume(1, wait_s)
            found += self._consumer.consume(MOST, 0) if found else []
        except KafkaException as error:
            raise self._in_our_words(error.args[0]) from error
        if not found and self._said is not None:
            said, self._said = self._said, None
            raise self._in_our_words(said)
        together, ends = self._sorted(found)
        batches = [
            self._batch(place, together[place], end)
            for place, end in ends.items()
            if end > self._at[place]
        ]
        self._at |= {(batch.topic, batch.partition): batch.end for batch in batches}
        return batches

    def _sorted(
        self, found: Sequence[Message]
    ) -> tuple[dict[Place, list[Message]], dict[Place, int]]:
        """Records by partition, and the offset to go on from in each."""
        together: dict[Place, list[Message]] = defaultdict(list)
        ends: dict[Place, int] = {}
        for message in found:
            error = message.error()
            if error is None:
                together[_place(message)].append(message)
                ends[_place(message)] = _offset(message) + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                ends[_place(message)] = _offset(message)  # behind what a transaction left
            else:
                raise self._in_our_words(error)
        return together, ends

    def _batch(self, place: Place, some: Sequence[Message], end: int) -> Batch:
        data, spans = laid_out([message.value() for message in some])
        offsets = np.array([_offset(message) for message in some], np.int64)
        times = np.array([message.timestamp()[1] for message in some], np.int64)
        batch = Batch(*place, data, spans, offsets, self._at[place], end, times)
        return batch.behind(self._lost.pop(place, 0))

    def _note(self, error: KafkaError) -> None:
        """What librdkafka says beside the records; that all brokers are down says less than why."""
        if self._said is None or self._said.code() not in _REFUSED:
            self._said = error

    def _in_our_words(self, error: KafkaError) -> FinmodelError:
        refused = _REFUSED.get(error.code())
        if refused is not None:
            return Refused(refused[0], where=self._where, remedy=refused[1])
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            what = "its offsets have moved: old events went, or it was made anew"
            return NotReady(what, where=self._where, remedy="read it again from its start")
        return NotReady(
            "it does not answer",
            where=self._where,
            remedy="see that the broker runs there, and try again",
        )


def _place(message: Message) -> Place:
    topic, partition = message.topic(), message.partition()
    assert topic is not None
    assert partition is not None
    return topic, partition


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None
    return offset


def options_of(settings: KafkaSettings) -> dict[str, Any]:
    """What librdkafka is told, secrets in plain; BadInput for an option that it has not.

    >>> told = options_of(KafkaSettings("a:1", {"ssl_check_hostname": "false"}))
    >>> told["bootstrap.servers"], told["ssl.endpoint.identification.algorithm"]
    ('a:1', 'none')
    """
    told = {
        "bootstrap.servers": settings.address,
        "group.id": "finmodel",  # it asks for one, and none is joined
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        "fetch.wait.max.ms": 100,
        "fetch.queue.backoff.ms": 10,
        "log_level": 0,  # what matters comes as an error
    }
    for name, value in settings.options.items():
        if name not in _NOT_OURS:
            told[_named(name)] = _valued(name, value)
    return told


def _named(name: str) -> str:
    if name not in _NAMES:
        raise BadInput(
            "confluent-kafka has no such option", where=name, remedy="leave it out, or the client"
        )
    return _NAMES[name]


def _valued(name: str, value: Option) -> str | int | bool:
    if name == "ssl_check_hostname":
        return "https" if value else "none"
    return "".join(value) if isinstance(value, str) else value
