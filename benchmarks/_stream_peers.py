"""The peers: confluent-kafka's consumer beside ours, and the whole road through stock Feast."""

from __future__ import annotations

import time
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from _store_world import EVENT_TIME, FEATURES, SERVICE, bench_plan
from _stream_world import PARTITIONS, StreamWorld
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as ConfluentPartition
from read_features import make_stock
from scorer import LEAVES, SEED, TREES, seeded_model

from feature_store.kafka_log import KafkaEventLog
from feature_store.kafka_settings import KafkaSettings

TOPIC = "app.page_view.v1"
BATCH, RUNS = 1_000, 3


def our_records(address: str) -> dict[str, float]:
    """Records a second, as columns of offsets and spans."""
    with KafkaEventLog(KafkaSettings(address)) as log:
        left = sum(log.end_offsets(TOPIC))
        with log.follow({(TOPIC, partition): 0 for partition in range(PARTITIONS)}) as following:
            left -= sum(map(len, following.poll(5.0)))
            records, begin = left, time.perf_counter()
            while left > 0:
                left -= sum(map(len, following.poll(5.0)))
            took = time.perf_counter() - begin
    return {"records_per_s": records / took}


def confluent_records(address: str) -> dict[str, float]:
    """The same by confluent-kafka: a message each, its value and offset touched."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "peer", "enable.auto.commit": False}
    )
    places = [ConfluentPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)]
    left = sum(consumer.get_watermark_offsets(place)[1] for place in places)
    consumer.assign(places)
    left -= len(consumer.consume(10_000, 5.0))
    records, begin, touched = left, time.perf_counter(), 0
    while left > 0:
        messages = consumer.consume(min(10_000, left), 5.0)
        for message in messages:
            touched += len(message.value()) + (message.offset() & 1)
        left -= len(messages)
    took = time.perf_counter() - begin
    consumer.close()
    return {"confluent_records_per_s": records / took}


def stock_events(world: StreamWorld, folder: Path) -> dict[str, float]:
    """Events a second through stock Feast: their rows pushed, read back, and scored by LightGBM.

    The windows are given to it, an event's 128 features at a time; sqlite, without a sync.
    """
    customers = 5_000
    sqlite = {"type": "sqlite", "path": str(folder / "online.db")}
    store = make_stock(folder, sqlite, customers)
    boosters = [
        lightgbm.Booster(model_str=seeded_model(TREES, LEAVES, FEATURES, SEED + n))
        for n in range(2)
    ]
    service, random = store.get_feature_service(SERVICE), np.random.default_rng(4)
    begin = time.perf_counter()
    for _ in range(RUNS):
        ids = random.choice(np.arange(1, customers + 1), BATCH, replace=False)
        for view in bench_plan().views:
            names = [feature.name for feature in view.features]
            rows = pd.DataFrame(random.normal(size=(BATCH, len(names))).astype("f4"), columns=names)
            rows = rows.assign(customer_id=ids, event_timestamp=EVENT_TIME)
            store.write_to_online_store(view.name, rows)  # what `push` calls for each view
        asked = [{"customer_id": customer} for customer in ids.tolist()]
        answer = store.get_online_features(service, asked).to_dict()
        matrix = np.array([answer[name] for name in bench_plan().names], np.float32).T
        for booster in boosters:
            booster.predict(matrix, num_threads=1)
    return {"stock_feast_events_per_s": RUNS * BATCH / (time.perf_counter() - begin)}
