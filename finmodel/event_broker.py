"""The Kafka that this platform's events are in, where a lender has one.

The environment comes in, where the brokers are and which file says how to speak to them goes out:
as `--kafka` and `--kafka-config` say it to one command. Asks nobody anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finmodel.errors import BadInput


@dataclass(frozen=True, slots=True)
class EventBroker:
    """Where it is; nowhere while `address` is empty: events are in the file log then."""

    address: str = ""
    """`host:port`, or several of them with commas between."""
    config: Path | None = None
    """A file of security options, `key: value`."""

    @property
    def env(self) -> dict[str, str]:
        """As `broker_of` reads it."""
        return {
            "FINMODEL_KAFKA": self.address,
            "FINMODEL_KAFKA_CONFIG": str(self.config) if self.config else "",
        }


def broker_of(env: Mapping[str, str]) -> EventBroker:
    """What the environment names; BadInput where there are options of a Kafka and no Kafka.

    >>> broker_of({"FINMODEL_KAFKA": "127.0.0.1:9092"}).address, broker_of({}).address
    ('127.0.0.1:9092', '')
    """
    address, config = env.get("FINMODEL_KAFKA", ""), env.get("FINMODEL_KAFKA_CONFIG", "")
    if config and not address:
        raise BadInput(
            "it is for Kafka", where="FINMODEL_KAFKA_CONFIG", remedy="name it in FINMODEL_KAFKA"
        )
    return EventBroker(address, Path(config).absolute() if config else None)
