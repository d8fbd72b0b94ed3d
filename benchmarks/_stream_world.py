"""What the stream's bench runs on: a lender's topics on a real Kafka, filled beforehand.

Ten topics in the shares of a lender's app, customers drawn Zipf-like, JSON as a producer sends it
with an `event_id`, one event a record, written by librdkafka. And a feature store with the shipped
definitions, and two seeded models over its vector.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec.inspect as shapes
import numpy as np
from confluent_kafka import Producer
from scorer import LEAVES, SEED, TREES, seeded_model

from feature_store.event_log import partition_of
from feature_store.event_table import fields_of, kind_of
from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings
from feature_store.plan import ServicePlan, plan_of
from feature_store.store import apply, window_plans
from feature_store.vectors import Scoring
from feature_store.window_plan import WindowPlan
from finmodel.lender.json_columns import Columns, hex_words, render
from finmodel.records import Float32s, Int64s
from finmodel.scorer import Scorer
from finmodel.settings import Settings

SHARES = {
    "app.page_view.v1": 0.45,
    "app.login.v1": 0.25,
    "marketing.offer_shown.v1": 0.08,
    "service.message.v1": 0.06,
    "loan.repayment.v1": 0.04,
    "loan.application.v1": 0.03,
    "loan.drawdown.v1": 0.03,
    "marketing.offer_clicked.v1": 0.03,
    "loan.statement.v1": 0.02,
    "loan.overdue.v1": 0.01,
}
SERVICE = "customer_behaviour_v1"
PARTITIONS = 4
DAYS = 30
_CHUNK = 50_000


@dataclass(frozen=True)
class Events:
    """How many, of whom."""

    count: int
    customers: int
    seed: int = SEED

    def columns(self, topic: str, upto_s: int) -> Columns:
        """A topic's events in the order in which the log gets them, the last known just now."""
        rng = np.random.default_rng([self.seed, *topic.encode()])
        n = int(self.count * SHARES[topic])
        known = upto_s - np.sort(rng.integers(0, DAYS * 86_400, n))[::-1]
        late = np.where(rng.random(n) < 0.01, rng.integers(0, 5 * 3_600, n), rng.integers(0, 5, n))
        columns: Columns = {
            "event_id": hex_words(rng.integers(0, 2**63, n).astype(np.uint64)),
            "customer_id": self._customers(rng, n),
            "occurred_at": (known - late).astype("M8[s]"),
            "known_at": known.astype("M8[s]"),
        }
        for name in fields_of(topic)[4:]:
            columns[name] = _some(rng, n, kind_of(topic, name), upto_s)
        return columns

    def _customers(self, rng: np.random.Generator, n: int) -> Int64s:
        """Ids from 1, the more often the lower their rank: weights 1 / rank^0.8."""
        weights = np.cumsum(np.arange(1, self.customers + 1) ** -0.8)
        rank = np.searchsorted(weights, rng.random(n) * weights[-1])
        order = np.random.default_rng(self.seed).permutation(self.customers) + 1
        return order[rank].astype(np.int64)


def _some(rng: np.random.Generator, n: int, kind: shapes.Type, now_s: int) -> np.ndarray:
    """Values that a field may have; amounts of a consumer's size."""
    if isinstance(kind, shapes.LiteralType):
        return np.array([str(word).encode() for word in kind.values])[
            rng.integers(0, len(kind.values), n)
        ]
    if isinstance(kind, shapes.IntType):
        return rng.integers(1, min(kind.le or 10**6, 2_000_000), n, endpoint=True)
    if isinstance(kind, shapes.DateTimeType):
        return (now_s + rng.integers(0, 20 * 86_400, n)).astype("M8[s]")
    return (
        np.full(n, b"CNY")
        if kind.max_length == 3
        else np.array([b"offer-%d" % i for i in range(20)])[rng.integers(0, 20, n)]
    )


def fill(address: str, events: Events) -> dict[str, float]:
    """Make the topics and write all events; how many, and of how many bytes a value."""
    with KafkaEventLog(KafkaSettings(address)) as log:
        for topic in SHARES:
            log.create(topic, PARTITIONS)
    producer = Producer(
        {
            "bootstrap.servers": address,
            "acks": "all",
            "linger.ms": 20,
            "batch.size": 1 << 20,
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    sent = size = 0
    partitions = np.array([partition_of(c, PARTITIONS) for c in range(events.customers + 1)])
    for topic, customers, lines in _interleaved(events, int(time.time())):
        for customer, line in zip(customers.tolist(), lines.splitlines(), strict=True):
            producer.produce(topic, line, str(customer), int(partitions[customer]))
            size += len(line)
        sent += len(customers)
        producer.poll(0)
    producer.flush()
    return {"events": sent, "event_bytes": size / sent}


def _interleaved(events: Events, now_s: int) -> Iterator[tuple[str, Int64s, bytes]]:
    """Every topic's events, some of each in turn, as time went by."""
    columns = {topic: events.columns(topic, now_s) for topic in SHARES}
    turns = max(1, events.count // _CHUNK)
    for turn in range(turns):
        for topic, every in columns.items():
            n = len(every["customer_id"])
            rows = slice(n * turn // turns, n * (turn + 1) // turns)
            some = {name: column[rows] for name, column in every.items()}
            if rows.start < rows.stop:
                yield topic, some["customer_id"].astype(np.int64), render(topic, some)


@dataclass(frozen=True)
class StreamWorld:
    """A feature store with the shipped definitions, its windows, and two models."""

    settings: Settings
    plans: list[WindowPlan]
    service: ServicePlan
    models: tuple[str, str]

    def scoring(self) -> Scoring:
        """Both models' scores of the vector."""
        scorers = [Scorer.from_text(text) for text in self.models]

        def score(matrix: Float32s) -> Float32s:
            return np.stack([one.score_many(matrix) for one in scorers], axis=1).astype(np.float32)

        names = ("borrowing_intent", "churn")
        return Scoring(
            self.service, "stream_scores", names, score, lambda: self.settings.clock.now()
        )


def make_stream_world(settings: Settings) -> StreamWorld:
    """Apply the definitions, and train the models."""
    store = apply(settings)
    service = plan_of(store, SERVICE)
    features = len(service.names)
    models = tuple(seeded_model(TREES, LEAVES, features, SEED + n) for n in range(2))
    return StreamWorld(settings, window_plans(store), service, models)
