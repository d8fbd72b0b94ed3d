"""A producer of 10,000 events a second, each stamped when it is made: `_stream_pace.py ADDRESS
CUSTOMERS SECONDS`."""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime

from _stream_world import PARTITIONS
from confluent_kafka import Producer

from feature_store.event_log import partition_of

RATE, TICK_S = 10_000, 0.01
TOPIC = "app.page_view.v1"


def main(address: str, customers: int, seconds: float) -> None:
    """Send, a hundredth of a second's events at a time, and never faster than the rate."""
    producer = Producer({"bootstrap.servers": address, "acks": "all", "linger.ms": 5})
    draw, run = random.Random(1), time.time_ns()
    begin = time.monotonic()
    for tick in range(int(seconds / TICK_S)):
        time.sleep(max(0.0, begin + tick * TICK_S - time.monotonic()))
        for number in range(int(RATE * TICK_S)):
            customer = draw.randint(1, customers)
            now = datetime.now(UTC).isoformat()
            value = (
                f'{{"topic":"{TOPIC}","event_id":"{run}-{tick}-{number}","customer_id":{customer},'
                f'"occurred_at":"{now}","known_at":"{now}","page":"home","dwell_ms":1200}}'
            )
            partition = partition_of(customer, PARTITIONS)
            producer.produce(TOPIC, value.encode(), str(customer), partition)
        producer.poll(0)
    producer.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
