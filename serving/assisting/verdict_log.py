"""Verdicts into the event log: the file log of the home, or Kafka where its brokers are named.

What waits in the outbox comes in; events of `service.suggestion_judged.v1` go out, each once, in a
thread of their own: no agent waits for a log. A log that is busy or away is tried again, and what
was kept is there to be tried. What a verdict says is not known here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from finmodel.durable import held_alone
from finmodel.errors import FinmodelError, NotFound, NotReady
from finmodel.judged_events import TOPIC
from finmodel.settings import Settings
from finmodel.vault import Vault
from finmodel.verdict_outbox import VerdictOutbox, Waiting
from serving.brokers import spoken_to

if TYPE_CHECKING:
    from feature_store.event_log import EventLog

log = logging.getLogger("bentoml.finmodel")
AGAIN_S: Final = 5.0
"""After a log that was busy or away."""
PACE_S: Final = 1.0
"""Verdicts that come close together are written together, one sync for all of them."""
PARTITIONS: Final = 4
"""Of a log that holds none of our topics yet."""
_AT_ONCE: Final = 500
_PATIENCE_MS: Final = 5_000
"""For one answer of Kafka: whoever stops the service waits for it."""


class VerdictLog:
    """The thread; it begins with the first verdict, or with what an earlier service left."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings, self.vault = settings, vault
        self._outbox = VerdictOutbox(settings.suggestions, vault)
        self._wanted, self._left = threading.Event(), threading.Event()
        self._gate = threading.Lock()
        self._thread: threading.Thread | None = None
        self._trouble = ""
        if self._outbox.waiting(1):
            self.soon()

    def soon(self) -> None:
        """A verdict waits."""
        self._wanted.set()
        with self._gate:
            if self._thread is None and not self._left.is_set():
                self._thread = threading.Thread(target=self._run, daemon=True, name="verdicts")
                self._thread.start()

    def close(self) -> None:
        """Write what waits, as far as the log lets us, and let go."""
        with self._gate:
            self._left.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
        self._outbox.close()

    def _run(self) -> None:
        wait = None
        while not self._left.is_set():
            self._wanted.wait(wait)
            self._wanted.clear()
            wait = None if self._tried() else AGAIN_S
            self._left.wait(PACE_S)
        if self._wanted.is_set():
            self._tried()

    def _tried(self) -> bool:
        """Whether all that waited stands in the log; what is wrong with it is told once."""
        try:
            with _opened(self._settings) as events:
                pass_on(self._outbox, events)
        except Exception as error:  # noqa: BLE001 - a thread that ends would write nothing more
            trouble = error.code if isinstance(error, FinmodelError) else type(error).__name__
            if trouble != self._trouble:
                log.warning("verdicts wait for the event log: %s", trouble)
            self._trouble = trouble
            return False
        self._trouble = ""
        return True


def pass_on(outbox: VerdictOutbox, events: EventLog) -> None:
    """Write what waits; a log that nobody else writes to meanwhile gets each event once."""
    from feature_store.event_log import partition_of

    while some := outbox.waiting(_AT_ONCE):
        new = [one for one in some if not _stands(one, events)]
        ends = events.end_offsets(TOPIC)
        places = {one.shown: partition_of(one.event.customer_id, len(ends)) for one in new}
        outbox.begin({shown: ends[partition] for shown, partition in places.items()})
        events.append(TOPIC, [one.event for one in new])
        outbox.done(one.shown for one in some)


def _stands(one: Waiting, events: EventLog) -> bool:
    """Whether an earlier try had it written, and was cut short before it could say so."""
    from feature_store.event_log import partition_of

    if one.since is None:
        return False
    partition = partition_of(one.event.customer_id, events.partitions)
    name = b'"' + one.event.event_id.encode() + b'"'  # no other record has this id in it
    batches = events.read(TOPIC, partition, one.since)
    return any(name in value for batch in batches for value in batch.values())


@contextmanager
def _opened(settings: Settings) -> Iterator[EventLog]:
    """The log, for this one to write to; what is not there is made."""
    if settings.kafka.address:
        busy = NotReady("another service writes", where=TOPIC, remedy="wait until it has ended")
        lock = settings.suggestions.with_name("to_log.lock")
        with held_alone(lock, busy), _kafka(settings) as brokers:
            yield brokers
        return
    from feature_store.event_log import LAYOUT, FileEventLog

    events, partitions = settings.events, PARTITIONS
    if (events / LAYOUT).exists():
        partitions = FileEventLog(events).partitions
    with FileEventLog(events, partitions=partitions, write=True, topics=[TOPIC]) as file:
        yield file


@contextmanager
def _kafka(settings: Settings) -> Iterator[EventLog]:
    told = spoken_to(settings.kafka.address, settings.kafka.config, _PATIENCE_MS)
    from feature_store.kafka_log import KafkaEventLog

    late = {"delivery_timeout_ms": min(told.delivery_ms, 2 * _PATIENCE_MS)}
    options = replace(told, options={**told.options, **late})
    with KafkaEventLog(options) as log:
        try:
            log.topic_id(TOPIC)
        except NotFound:
            log.create(TOPIC, log.partitions or PARTITIONS)
        yield log
