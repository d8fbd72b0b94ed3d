"""Read `topics.yaml`: which topics of a lender become which of ours, checked before a record comes.

A path comes in, maps go out. Every mistake is a BadInput that names the file, the entry and the
field, among them words that our events do not have and paths that an Avro schema does not have.
This module knows no record and no Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from feature_store.judging import event_fields
from feature_store.source_formats import (
    Reader,
    avro_reader,
    confluent_reader,
    leads_somewhere,
    parsed_schema,
    read_json,
)
from feature_store.topic_maps import Fate, Rule, TopicMap
from feature_store.topic_rules import RuleSpec, paths_of, rule_of
from finmodel.durable import disk_error
from finmodel.errors import BadInput, NotFound
from finmodel.events import TOPICS


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    topic: str
    fields: dict[str, Any]
    format: Literal["json", "avro"] = "json"
    envelope: Literal["none", "debezium"] = "none"
    framing: Literal["none", "confluent"] = "none"
    schema: str = ""
    schemas: dict[str, str] = {}
    deletes: Fate | None = None
    tombstones: Fate | None = None


class _Schema(msgspec.Struct, frozen=True):
    parsed: Any
    named: dict[str, Any]


def load_topic_maps(path: Path) -> tuple[TopicMap, ...]:
    """A lender's maps in the file's order; BadInput where one of them cannot be kept."""
    told = _read(path)
    entries = told.get("topics") if isinstance(told, dict) else None
    if not isinstance(entries, list) or not entries or len(told) != 1:
        raise BadInput("it holds no entries", where=str(path), remedy="begin it with `topics:`")
    maps: list[TopicMap] = []
    for number, entry in enumerate(entries, start=1):
        source = entry.get("source") if isinstance(entry, dict) else None
        where = f"{path}: {source if isinstance(source, str) else f'entry {number}'}"
        found = _map(_shaped(entry, _Entry, where), where, path.parent)
        _check_alone(found, maps, where)
        maps.append(found)
    return tuple(maps)


def _map(entry: _Entry, where: str, folder: Path) -> TopicMap:
    if entry.topic not in TOPICS:
        raise BadInput(
            f"there is no topic {entry.topic}",
            where=f"{where}: topic",
            remedy=f"name one of {', '.join(TOPICS)}",
        )
    debezium = entry.envelope == "debezium"
    if entry.deletes and not debezium:
        raise BadInput(
            "only Debezium's envelope tells of deletions",
            where=f"{where}: deletes",
            remedy="take it out, or say `envelope: debezium`",
        )
    schemas = _schemas(entry, where, folder)
    return TopicMap(
        source=entry.source,
        topic=entry.topic,
        read=_reader(entry, schemas),
        rules=_rules(entry, schemas, where),
        debezium=debezium,
        deletes=entry.deletes or "skip",
        tombstones=entry.tombstones or ("skip" if debezium else "reject"),
    )


def _rules(
    entry: _Entry, schemas: Mapping[str, _Schema], where: str
) -> tuple[tuple[str, Rule], ...]:
    fields = event_fields(entry.topic)
    for name in entry.fields:
        if name not in fields:
            raise BadInput(
                f"events of {entry.topic} have no such field",
                where=f"{where}: {name}",
                remedy=f"name one of {', '.join(fields)}",
            )
    rules = []
    for name, field in fields.items():
        place = f"{where}: {name}"
        if name not in entry.fields:
            raise BadInput("it is not filled", where=place, remedy="say where it comes from")
        told = entry.fields[name]
        spec = _shaped({"from": told} if isinstance(told, str) else told, RuleSpec, place)
        rules.append((name, rule_of(name, field, spec, place)))
        _check_paths(entry, spec, schemas, place)
    return tuple(rules)


def _check_paths(entry: _Entry, spec: RuleSpec, schemas: Mapping[str, _Schema], where: str) -> None:
    """BadInput where a path is in no schema of the entry's; JSON has none to ask."""
    inside = ("after",) if entry.envelope == "debezium" else ()
    for path in paths_of(spec):
        full = path[1:] if path[0] == "$" else (*inside, *path)
        for file, schema in schemas.items():
            if not leads_somewhere(schema.parsed, schema.named, full):
                raise BadInput(
                    f"{file} has no {'.'.join(full)}", where=where, remedy="name a field of it"
                )


def _reader(entry: _Entry, schemas: Mapping[str, _Schema]) -> Reader:
    if entry.format == "json":
        return read_json
    if entry.framing == "none":
        return avro_reader(schemas[entry.schema].parsed)
    return confluent_reader(
        {int(number): schemas[file].parsed for number, file in entry.schemas.items()}
    )


def _schemas(entry: _Entry, where: str, folder: Path) -> dict[str, _Schema]:
    """An entry's schemas by their files' names: one, or with Confluent's framing one for each id.

    Bytes read by another schema than wrote them can look like a record, so no id goes without.
    """
    if entry.format == "json":
        wanted, remedy = (False, False), "take it out: JSON has neither schema nor framing"
    elif entry.framing == "none":
        wanted, remedy = (True, False), "give `schema: FILE`, and `schemas` only with a framing"
    else:
        wanted, remedy = (False, True), "give `schemas:` with a file for each id, and no `schema`"
    framed_json = entry.format == "json" and entry.framing != "none"
    if (bool(entry.schema), bool(entry.schemas)) != wanted or framed_json:
        raise BadInput("schema and framing do not fit", where=f"{where}: schema", remedy=remedy)
    for number in entry.schemas:
        if not (number.isascii() and number.isdecimal() and int(number) < 2**32):
            raise BadInput(
                f"{number!r} is no schema's id", where=f"{where}: schemas", remedy="give its number"
            )
    files = [entry.schema] if entry.schema else list(entry.schemas.values())
    return {file: _schema(folder / file, f"{where}: {file}") for file in files}


def _schema(path: Path, where: str) -> _Schema:
    try:
        return _Schema(*parsed_schema(msgspec.json.decode(path.read_bytes())))
    except FileNotFoundError:
        raise NotFound("no such file", where=where, remedy="name one beside topics.yaml") from None
    except OSError as error:
        raise disk_error(error, path) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("it is no JSON", where=where, remedy="give an Avro schema") from None
    except ValueError as error:
        raise BadInput(str(error), where=where, remedy="give an Avro schema") from error


def _check_alone(found: TopicMap, others: list[TopicMap], where: str) -> None:
    """Offsets are the source's, so two sources cannot fill one topic, nor one source two."""
    for other in others:
        if found.source == other.source:
            raise BadInput("it has two entries", where=where, remedy="keep one")
        if found.topic == other.topic:
            raise BadInput(
                f"{other.source} is {found.topic} already",
                where=f"{where}: topic",
                remedy="give each of our topics one source",
            )


def _shaped(told: Any, kind: type[Any], where: str) -> Any:
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError as error:
        raise BadInput(str(error), where=where, remedy="see docs/topics.md") from error


class _OnceLoader(yaml.BaseLoader):
    """Texts only, so that `1` and `no` stay what they are, and no key twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        if len(found) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key twice", node.start_mark)
        return found


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_OnceLoader)
    except FileNotFoundError:
        raise NotFound("no such file", where=str(path), remedy="name one that exists") from None
    except OSError as error:
        raise disk_error(error, path) from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        what = error.problem or "it cannot be read"
        raise BadInput(what, where=f"{path}{line}", remedy="write it as YAML") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(
            "it is no text in UTF-8", where=str(path), remedy="write it as YAML"
        ) from error
