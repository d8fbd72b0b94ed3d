"""A lender's records as rows: JSON, Avro by its schema, and Debezium's envelope around either.

Bytes come in; what they hold goes out, or `Unfit` says that they hold nothing that can be read.
Avro's bytes do not say which schema wrote them, so bytes that are left over are refused, and with
Confluent's framing every id needs its schema. This module knows no field of ours.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any, TypeAlias

import fastavro
import fastavro.schema
import msgspec

from feature_store.rejections import Reason, Unfit

Reader: TypeAlias = Callable[[bytes], Any]

_json: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_BROKEN_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BROKEN_AVRO = (
    *(ArithmeticError, AssertionError, EOFError, LookupError, MemoryError, RecursionError),
    *(TypeError, ValueError, struct.error),
)
"""What fastavro raises where bytes do not follow their schema."""
_FRAME = struct.Struct(">bI")


def read_json(value: bytes) -> Any:
    """What JSON holds; a number with a point is a Decimal, digit for digit.

    >>> read_json(b'{"amount": 12.10}')
    {'amount': Decimal('12.10')}
    """
    try:
        return _json.decode(value)
    except _BROKEN_JSON:
        raise Unfit(Reason.BROKEN_BYTES) from None


def avro_reader(schema: Any) -> Reader:
    """A reader of plain Avro, one record without a header."""

    def read(value: bytes) -> Any:
        file = BytesIO(value)
        try:
            record = fastavro.schemaless_reader(file, schema, None)
        except _BROKEN_AVRO:
            raise Unfit(Reason.BROKEN_BYTES) from None
        if file.tell() != len(value):
            raise Unfit(Reason.BROKEN_BYTES)
        return record

    return read


def confluent_reader(schemas: Mapping[int, Any]) -> Reader:
    """A reader of Avro behind Confluent's five bytes, a schema for each id that may stand there."""
    readers = {number: avro_reader(schema) for number, schema in schemas.items()}

    def read(value: bytes) -> Any:
        if len(value) < _FRAME.size or value[0]:
            raise Unfit(Reason.BROKEN_BYTES)
        reader = readers.get(_FRAME.unpack_from(value)[1])
        if reader is None:
            raise Unfit(Reason.UNKNOWN_SCHEMA)
        return reader(value[_FRAME.size :])

    return read


def unwrapped(message: Any) -> Mapping[str, Any]:
    """Debezium's envelope, out of the schema that Kafka Connect may put around it."""
    if isinstance(message, dict) and "payload" in message and "op" not in message:
        message = message["payload"]
    if message is None:
        raise Unfit(Reason.TOMBSTONE)
    return record_in(message)


def changed_row(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row as it stands after a change; `Unfit` tells a deletion from what is not known."""
    operation = envelope.get("op")
    if operation == "d":
        raise Unfit(Reason.DELETE)
    if operation not in ("c", "r", "u"):
        raise Unfit(Reason.UNKNOWN_OPERATION)
    return record_in(envelope.get("after"))


def record_in(value: Any) -> Mapping[str, Any]:
    """A value that must be a record."""
    if not isinstance(value, dict):
        raise Unfit(Reason.NO_RECORD)
    return value


def parsed_schema(told: Any) -> tuple[Any, dict[str, Any]]:
    """An Avro schema ready to read with, and its named types; ValueError where it is none."""
    named: dict[str, Any] = {}
    try:
        schema = fastavro.parse_schema(told, named)
    except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType) as error:
        raise ValueError("it is no Avro schema") from error
    except (LookupError, TypeError, AttributeError) as error:  # what it makes of other JSON
        raise ValueError("it is no Avro schema") from error
    if not isinstance(schema, dict) or schema.get("type") != "record" or not schema.get("fields"):
        raise ValueError("it is no schema of a record")
    return schema, named


def leads_somewhere(schema: Any, named: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether a path of names exists in an Avro schema."""
    if not path:
        return True
    if isinstance(schema, list):
        return any(leads_somewhere(kind, named, path) for kind in schema)
    if isinstance(schema, str):
        return schema in named and leads_somewhere(named[schema], named, path)
    if isinstance(schema.get("type"), (dict, list)):
        return leads_somewhere(schema["type"], named, path)
    return any(
        field["name"] == path[0] and leads_somewhere(field["type"], named, path[1:])
        for field in schema.get("fields", ())
    )
