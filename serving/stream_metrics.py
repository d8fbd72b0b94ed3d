"""What a stream's worker counts of itself, in Prometheus' text format on the loopback address.

Passes come in; counts of events by fate, of dead letters, the lag behind the log, the age of what
was counted last and the share of time at work go out. No customer is ever a label.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial

import prometheus_client as prometheus

from feature_store.event_log import EventLog
from feature_store.stream_worker import Pass
from finmodel.errors import NotReady

LOOK_SECONDS = 5.0
"""How often the log's ends are asked for."""
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3_600.0)
_FATES = ("counted", "seen", "repeated", "late", "ahead")


class StreamMetrics:
    """Counters of one worker."""

    def __init__(self, views: Iterable[tuple[str, str]] = ()) -> None:
        """`views` and their topics are told from 0 on: Prometheus sees no first step of what
        appears at 7, nor that a worker does nothing which never told a second."""
        self.registry = prometheus.CollectorRegistry()
        count = partial(prometheus.Counter, registry=self.registry)
        gauge = partial(prometheus.Gauge, registry=self.registry)
        self._events = count(
            "finmodel_stream_events", "Events of a view by what became of them.", ["view", "fate"]
        )
        self._unread = count(
            "finmodel_stream_dead_letters", "Values of a topic that are no events.", ["topic"]
        )
        self._lost = count(
            "finmodel_stream_lost_offsets", "Offsets that the log no longer kept.", ["topic"]
        )
        self._skipped = count(
            "finmodel_stream_skipped", "Records that a topic's map passes over.", ["topic"]
        )
        self._passes = count("finmodel_stream_passes", "Transactions of the online store.")
        self._seconds = count(
            "finmodel_stream_seconds", "Waiting for the log, or at work (back-pressure).", ["doing"]
        )
        self._lag = gauge(
            "finmodel_stream_lag_events",
            "Events of the log that are not counted yet.",
            ["topic", "partition"],
        )
        self._fresh = prometheus.Histogram(
            "finmodel_stream_freshness_seconds",
            "From the log's taking in a pass's oldest event to its being servable.",
            ["topic"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._rebuilding = gauge(
            "finmodel_stream_rebuilding", "Whether the store is not whole, and so not served."
        )
        self._begin(tuple(views))
        self._at: dict[tuple[str, int], int] = {}
        self._looked = -LOOK_SECONDS
        self.lags: dict[str, int] = {}
        """By topic, events of the log that were not counted at the last look."""
        self.freshness_s: dict[str, float] = {}
        """By topic, of the last pass that the log dated: as the histogram has it."""

    def _begin(self, views: Sequence[tuple[str, str]]) -> None:
        for doing in ("waiting", "working"):
            self._seconds.labels(doing)
        for view, topic in views:
            for fate in _FATES:
                self._events.labels(view, fate)
            for counter in (self._unread, self._lost, self._skipped):
                counter.labels(topic)

    def note(self, one: Pass) -> None:
        """One more pass."""
        for view in one.counted:
            for fate in _FATES:
                self._events.labels(view.view, fate).inc(getattr(view, fate))
        for topic, unread in {view.topic: view.unread for view in one.counted}.items():
            self._unread.labels(topic).inc(unread)
        for topic, lost in {view.topic: view.lost for view in one.counted}.items():
            self._lost.labels(topic).inc(lost)
        self._seconds.labels("waiting").inc(one.waited_s)
        self._seconds.labels("working").inc(one.worked_s)
        self._passes.inc(bool(one.batches))
        self._rebuilding.set(not one.whole)
        now_ms = time.time() * 1000
        self._forget(one.owned)
        for batch in one.batches:
            self._skipped.labels(batch.topic).inc(batch.skipped)
            self._at[batch.topic, batch.partition] = batch.end
            if batch.times_ms is not None and len(batch) and batch.times_ms[0] >= 0:
                seconds = (now_ms - float(batch.times_ms[0])) / 1000
                self.freshness_s[batch.topic] = seconds
                self._fresh.labels(batch.topic).observe(seconds)

    def _forget(self, owned: frozenset[int] | None) -> None:
        """Say nothing more of partitions that another worker has now."""
        for topic, partition in [*self._at]:
            if owned is not None and partition not in owned:
                del self._at[topic, partition]
                with suppress(KeyError):  # it was never looked at
                    self._lag.remove(topic, str(partition))

    def look(self, log: EventLog) -> bool:
        """Ask, now and then, how far the log is ahead; whether it was asked."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        self.lags = {}
        for topic, state in log.states().items():
            for partition, end in enumerate(state.ends):
                at = self._at.get((topic, partition))
                if at is not None:
                    self._lag.labels(topic, str(partition)).set(end - at)
                    self.lags[topic] = self.lags.get(topic, 0) + end - at
        return True

    def serve(self, port: int) -> None:
        """Answer `GET /metrics` on the loopback address, in a thread of its own."""
        try:
            prometheus.start_http_server(port, "127.0.0.1", self.registry)
        except OSError as error:
            raise NotReady(
                "the port is taken", where=f"--metrics-port {port}", remedy="name another"
            ) from error
