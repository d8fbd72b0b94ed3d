"""How to reach a Kafka: an address, and what a `key: value` file says of security and patience.

The options have kafka-python's names, and only those listed here are taken; what decides whether an
event is kept once (acks, idempotence, offsets) is not for a file. A secret never shows in a text,
a log or an error. This module knows no client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml

from finmodel.errors import BadInput, NotFound

Option: TypeAlias = str | int | bool


class Secret(str):
    """Text that is sent and never shown: kafka-python writes its options to the debug log.

    >>> f"{Secret('x')} {[Secret('x')]}", "".join([Secret("x")])
    ('*** [***]', 'x')
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where the brokers are, and how to speak to them.

    >>> KafkaSettings("127.0.0.1:9092", {"sasl_plain_password": "x", "request_timeout_ms": "500"})
    KafkaSettings(address='127.0.0.1:9092', options={'sasl_plain_password': ***, \
'request_timeout_ms': 500})
    """

    address: str
    """`host:port`, or several of them with commas between."""
    options: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(part.rpartition(":")[2].isdecimal() for part in self.address.split(",")):
            raise BadInput(
                "it is no address of a Kafka", where=self.address, remedy="give host:port"
            )
        checked = {name: _checked(name, value) for name, value in self.options.items()}
        object.__setattr__(self, "options", checked)

    @property
    def client(self) -> str:
        """Which client brings records: one of `CLIENTS`."""
        return str(self.options.get("client", CLIENTS[0]))

    @property
    def answer_ms(self) -> int:
        """How long a question waits for its answer."""
        return int(self.options.get("request_timeout_ms", 30_000))

    @property
    def delivery_ms(self) -> int:
        """How long an append waits until all is acknowledged."""
        return int(self.options.get("delivery_timeout_ms", max(120_000, 2 * self.answer_ms)))

    def session_ms(self, instance: str) -> int:
        """How long a group waits for a worker that is silent, before others take its partitions.

        The shortest that brokers take as they come; longer for one with a name, which may return.
        """
        return int(self.options.get("session_timeout_ms", 30_000 if instance else 6_000))


def load_settings(address: str, path: Path | None = None) -> KafkaSettings:
    """Settings with what a file says; BadInput with the file's name, and never with a value."""
    if path is None:
        return KafkaSettings(address)
    try:
        # The base loader makes only texts: a password of digits stays one, and nothing is run.
        told = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    except FileNotFoundError:
        raise NotFound("no such file", where=str(path), remedy="name one that exists") from None
    except (OSError, UnicodeDecodeError) as error:
        told = f"it cannot be read ({type(error).__name__})"
        raise BadInput(told, where=str(path), remedy="name a text file that may be read") from None
    except yaml.MarkedYAMLError as error:  # its text would quote the line
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        where = f"{path}{line}"
        raise BadInput("not read", where=where, remedy="write `key: value` lines") from None
    told = told or {}
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise BadInput("it is not flat", where=str(path), remedy="write `key: value` lines")
    try:
        return KafkaSettings(address, told)
    except BadInput as error:
        raise BadInput(error.what, where=f"{path}: {error.where}", remedy=error.remedy) from error


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _switch(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _protocol(text: str) -> str:
    if text not in _PROTOCOLS:
        raise ValueError
    return text


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError
    return text


def _client(text: str) -> str:
    if text not in CLIENTS:
        raise ValueError
    return text


CLIENTS = ("kafka-python", "confluent-kafka")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_KINDS: dict[Callable[[str], Option], tuple[str, tuple[str, ...]]] = {
    _protocol: (f"one of {', '.join(_PROTOCOLS)}", ("security_protocol",)),
    _client: (f"one of {', '.join(CLIENTS)}", ("client",)),
    _file: ("a file's path", ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")),
    _switch: ("true or false", ("ssl_check_hostname",)),
    Secret: ("a text", ("ssl_password", "sasl_plain_password")),
    str: (
        "a text",
        (
            "client_id",
            "sasl_mechanism",
            "sasl_plain_username",
            "sasl_kerberos_service_name",
            "sasl_kerberos_domain_name",
        ),
    ),
    _number: (
        "a whole number of milliseconds",
        (
            "request_timeout_ms",
            "delivery_timeout_ms",
            "connections_max_idle_ms",
            "metadata_max_age_ms",
            "reconnect_backoff_ms",
            "reconnect_backoff_max_ms",
            "retry_backoff_ms",
            "session_timeout_ms",
            "max_poll_interval_ms",
        ),
    ),
}
_OPTIONS = {name: (kind, said) for kind, (said, names) in _KINDS.items() for name in names}


def _checked(name: str, value: Option) -> Option:
    if name not in _OPTIONS:
        raise BadInput("no such option", where=name, remedy=f"name one of {', '.join(_OPTIONS)}")
    kind, said = _OPTIONS[name]
    try:
        return value if isinstance(value, Secret) else kind(str(value))
    except (ValueError, KeyError):
        raise BadInput(
            "its value is of the wrong kind", where=name, remedy=f"give {said}"
        ) from None
