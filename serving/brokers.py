"""How a command or a page speaks to a Kafka: what its file of options says.

Brokers and a file come in, settings go out. Heavy things are no part of it: the service, too, may
ask for its dead letters.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from finmodel.errors import NotReady

if TYPE_CHECKING:
    from feature_store.kafka_settings import KafkaSettings


def spoken_to(brokers: str, config: Path | None, most_ms: int | None = None) -> KafkaSettings:
    """What the file says, or less patience than that; NotReady where kafka-python is missing."""
    # What kafka-python's loading of its schemas says to its own developers.
    warnings.filterwarnings("ignore", "(open|read)_text is deprecated", DeprecationWarning)
    try:
        import feature_store.kafka_client  # noqa: F401
        from feature_store.kafka_settings import KafkaSettings, load_settings
    except ModuleNotFoundError as error:
        raise NotReady(
            "kafka-python is not installed", where="--kafka", remedy="install finmodel[stream]"
        ) from error
    told = load_settings(brokers, config)
    if most_ms is None:
        return told
    hurried = {"request_timeout_ms": min(told.answer_ms, most_ms)}
    return KafkaSettings(told.address, {**told.options, **hurried})
