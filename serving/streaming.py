"""`finmodel stream`: a log of events, followed until somebody stops it.

Comes in: settings and where the log is. Goes out: what each pass counted, told where there was
something. What is counted, and that it counts once, is the feature store's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_store.event_log import EventLog, FileEventLog
from feature_store.packed_store import writer_of
from feature_store.store import open_store, window_plans
from feature_store.stream import Counted, catch_up
from finmodel.errors import NotReady
from finmodel.settings import Settings

POLL_SECONDS = 0.25

Tell = Callable[[list[Counted]], None]


def run_stream(
    settings: Settings, brokers: str, config: Path | None, once: bool, tell: Tell
) -> None:
    """Count what the log holds, again and again; with `once`, up to its end."""
    store = open_store(settings)
    plans, writer = window_plans(store), writer_of(store.config)
    with _log(settings, brokers, config) as log:
        while True:
            there = set(log.topics())
            some = [plan for plan in plans if plan.topic in there]
            counted = catch_up(log, writer, some)
            busy = [one for one in counted if one.events]
            if busy or once:
                tell(counted if once else busy)
            if once:
                return
            time.sleep(POLL_SECONDS)


@contextmanager
def _log(settings: Settings, brokers: str, config: Path | None) -> Iterator[EventLog]:
    if not brokers:
        with FileEventLog(settings.events) as files:
            yield files
        return
    try:
        from feature_store.kafka_log import KafkaEventLog
        from feature_store.kafka_settings import load_settings
    except ModuleNotFoundError as error:
        raise NotReady(
            "kafka-python is not installed", where="--kafka", remedy="install finmodel[stream]"
        ) from error
    with KafkaEventLog(load_settings(brokers, config)) as log:
        yield log
