"""What the service counts of itself, in Prometheus' text format: requests, decisions, models.

Counts only; no customer, no person and no path that a caller made up is ever a label. BentoML's own
request metrics are off for that reason: they take the raw path as a label, without a bound.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import prometheus_client as prometheus
from prometheus_client import multiprocess, values

SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST


class Spent(NamedTuple):
    """What decisions took of this worker, whatever else it answered in between."""

    decisions: int
    """After the first."""
    cpu_s: float
    """Of all its threads, from the end of the first decision to the end of the last."""


class Telemetry:
    """Counters of one worker; `exposition` gives the sum over all workers."""

    def __init__(self) -> None:
        self._registry = prometheus.CollectorRegistry()
        count = partial(prometheus.Counter, registry=self._registry)
        self._requests = count(
            "finmodel_requests", "Requests by route and status.", ["route", "status"]
        )
        self._decisions = count(
            "finmodel_decisions", "Decisions by answer and rule.", ["answer", "rule"]
        )
        self._views = count(
            "finmodel_views_not_present", "Views that were not fresh.", ["view", "state"]
        )
        self._fallbacks = count("finmodel_fallbacks", "Steps that could not decide.", ["step"])
        self._scored = count("finmodel_customers_scored", "Customers scored through /score.")
        self._loads = count("finmodel_model_loads", "Exports taken in or refused.", ["result"])
        # From 0 on, as in `expect`: Prometheus sees no first step of what appears at 1.
        for result in ("loaded", "refused"):
            self._loads.labels(result)
        self._seconds = prometheus.Histogram(
            "finmodel_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._version = prometheus.Gauge(
            "finmodel_model_version",
            "Version of the model in service.",
            ["name"],
            registry=self._registry,
            multiprocess_mode="livemin",
        )
        self._cpu_first: float | None = None
        self._spent = Spent(0, 0.0)

    @property
    def spent(self) -> Spent:
        """What decisions took of this worker since it started."""
        return self._spent

    def expect(self, routes: Iterable[str]) -> None:
        """Tell of these routes that none found the disk full yet: a single 507 is an alert."""
        for route in routes:
            self._requests.labels(route, "507")

    def answered(self, route: str, status: int, seconds: float) -> None:
        """One request got its answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def decided(self, answer: str, rule: str, unusual: Iterable[tuple[str, str]]) -> None:
        """One decision was made, by a rule; `unusual` are its views (name, state) not present."""
        self._decisions.labels(answer, rule).inc()
        for view, state in unusual:
            self._views.labels(view, state).inc()
        now = time.process_time()
        if self._cpu_first is None:  # what came before it was starting and compiling
            self._cpu_first = now
        else:
            self._spent = Spent(self._spent.decisions + 1, now - self._cpu_first)

    def fell_back(self, steps: Iterable[str]) -> None:
        """A decision went past these steps of its policy."""
        for step in steps:
            self._fallbacks.labels(step).inc()

    def scored(self, customers: int) -> None:
        """So many customers were scored in one call."""
        self._scored.inc(customers)

    def loaded(self, name: str, version: int) -> None:
        """A model was taken into service."""
        self._loads.labels("loaded").inc()
        self._version.labels(name).set(version)

    def refused(self) -> None:
        """An export was refused; what was served before is still served."""
        self._loads.labels("refused").inc()

    def exposition(self) -> bytes:
        """All counts, of all workers where there are several."""
        if values.ValueClass is values.MutexValue:
            return prometheus.generate_latest(self._registry)
        together = prometheus.CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return prometheus.generate_latest(together)
