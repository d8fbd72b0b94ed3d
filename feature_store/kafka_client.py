"""kafka-python's clients as this project wants them, from settings.

A producer that keeps each event once, a consumer that goes only where it is told, one that is a
member of a group, a client that asks. Three things that kafka-python 3.0.12 leaves open are closed
here, for every client of the process: its debug log holds passwords and customers; it drops an
answer that comes with the connection's end; and it tries a password that was refused until it is
late. Knows no topic.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.net.manager import KafkaConnectionManager
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from feature_store.kafka_assignor import CoPartitioned
from feature_store.kafka_settings import KafkaSettings

_FINAL = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
)
"""Errors that another try will not mend."""


def admin_of(settings: KafkaSettings) -> KafkaAdminClient:
    """One that asks of topics, and makes them."""
    return KafkaAdminClient(**_options(settings))


def producer_of(settings: KafkaSettings) -> KafkaProducer:
    """One that says `acknowledged` when every replica has it, and sends nothing twice."""
    return KafkaProducer(
        **_options(settings),
        acks="all",
        enable_idempotence=True,
        delivery_timeout_ms=settings.delivery_ms,
        max_block_ms=settings.answer_ms,
        batch_size=1 << 18,
        linger_ms=20,
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )


def consumer_of(settings: KafkaSettings) -> KafkaConsumer:
    """One that goes where it is told: no group, no commit, no offset of its own choosing."""
    return KafkaConsumer(
        **_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        allow_auto_create_topics=False,
        # What one poll brings is one transaction of a stream: tens of thousands of events.
        max_partition_fetch_bytes=4 << 20,
        fetch_max_bytes=8 << 20,
        metrics_enabled=False,
    )


def group_consumer_of(
    settings: KafkaSettings, group: str, instance: str, topics: Sequence[str], shares: CoPartitioned
) -> KafkaConsumer:
    """A member of a group that shares out partition numbers; a static one with an instance's name.

    It subscribes to topics by a pattern: those that are there, and others soon after they are made;
    asked for by name, one that is not there would be asked for ten times a second.
    """
    session = settings.session_ms(instance)
    consumer = KafkaConsumer(
        **{"metadata_max_age_ms": 10_000, **_options(settings)},
        group_id=group,
        group_instance_id=instance or None,
        partition_assignment_strategy=(shares,),
        session_timeout_ms=session,
        heartbeat_interval_ms=max(1, session // 4),
        max_poll_interval_ms=settings.options.get("max_poll_interval_ms", 300_000),
        enable_auto_commit=False,
        auto_offset_reset="none",
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )
    consumer.subscribe(pattern=f"^({'|'.join(map(re.escape, topics))})$")
    return consumer


def _options(settings: KafkaSettings) -> dict[str, Any]:
    """What every client takes."""
    told = {
        # Back soon after an outage, however long: the default waits for up to 30 s.
        "reconnect_backoff_max_ms": 1_000,
        **settings.options,
        "bootstrap_servers": settings.address.split(","),
        "request_timeout_ms": settings.answer_ms,
        # That nobody answers there is to be told soon.
        "bootstrap_timeout_ms": min(settings.answer_ms, 10_000),
    }
    for name in ("client", "delivery_timeout_ms", "session_timeout_ms", "max_poll_interval_ms"):
        told.pop(name, None)  # only a producer knows it, or a member of a group
    return told


def _keep_last_words(transport: Any) -> None:
    """Have a connection hand on what came with its end: why the broker did not let us in."""
    receive = transport._sock_recv

    def words_first(self: Any) -> tuple[bytes, Exception | None]:
        words, end = receive(self)
        return words, None if words else end

    transport._sock_recv = words_first


def _keep_refusals(manager: Any) -> None:
    """Have a refused login end the attempts: noted where kafka-python itself looks for it."""
    connect = manager._connect

    async def connect_and_note(self: Any, node: Any, conn: Any, **options: Any) -> None:
        await connect(self, node, conn, **options)
        if isinstance(conn.init_future.exception, _FINAL):
            self._auth_failures[node.node_id] = conn.init_future.exception

    manager._connect = connect_and_note


logging.getLogger("kafka").setLevel(logging.INFO)
_keep_last_words(KafkaTCPTransport)
_keep_last_words(KafkaSSLTransport)
_keep_refusals(KafkaConnectionManager)
