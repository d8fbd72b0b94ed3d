"""From YAML text to typed records, and from what does not fit to a sentence that says where.

Knows YAML and the shape of records; knows nothing of models.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from finmodel.errors import BadInput, NotFound

Record = TypeVar("Record")
_LARGEST = 1 << 20
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$?\.?(?P<key>[^`]*)`)?$", re.S)


class _Once(yaml.SafeLoader):
    """YAML's safe loader, which also refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem=f"a key is no text (line {line})")
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} stands twice (line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse_yaml(path: Path) -> tuple[dict[str, Any], str]:
    """The mapping in a YAML file, and its text."""
    text = read_text(path)
    return parse_text(text, path), text


def parse_text(text: str, path: Path) -> dict[str, Any]:
    """The mapping in a YAML text; `path` is what sentences name."""
    try:
        given = yaml.load(text, Loader=_Once)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise BadInput(
            f"it is not YAML: {error.problem}",
            where=f"{path}: {line}".rstrip(": "),
            remedy="mend that line",
        ) from error
    except yaml.YAMLError as error:
        raise BadInput("it is not YAML", where=str(path), remedy="save it as text") from error
    if not isinstance(given, dict):
        raise BadInput("it holds no keys", where=str(path), remedy="write `name: ...` and so on")
    return given


def convert(
    given: dict[str, Any], shape: type[Record], path: Path, guide: str = "docs/risk_recipes.md"
) -> Record:
    """The mapping as a typed record; the nearest known key is offered for an unknown one."""
    _refuse_unknown(given, shape, path, "")
    _refuse_endless(given, path, "")
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        what, key = (found["what"], found["key"] or "") if found else (str(error), "")
        raise BadInput(
            what[:1].lower() + what[1:],
            where=f"{path}: {key}".rstrip(": "),
            remedy=_remedy(what, guide),
        ) from error


def listed(file: Path, key: str, shape: type[Record], guide: str) -> Iterator[Record]:
    """The rows below a file's only key (`scripts`, `sources`), each a record with its id."""
    given, _ = parse_yaml(file)
    rows = given.get(key)
    if list(given) != [key] or not isinstance(rows, list) or not rows:
        remedy = f"write `{key}:`, see {guide}"
        raise BadInput(f"it is no list of {key}", where=file.name, remedy=remedy)
    for place, row in enumerate(rows, start=1):
        unnamed = f"{key.removesuffix('s')} {place}"
        name = row.get("id", unnamed) if isinstance(row, dict) else unnamed
        try:
            yield msgspec.convert(row, shape)
        except msgspec.ValidationError as error:
            what = str(error)[:1].lower() + str(error)[1:]
            raise BadInput(what, where=f"{file.name}: {name}", remedy=f"see {guide}") from error


def read_text(path: Path, what: str = "a recipe") -> str:
    """The text of a small file; `what` is what a person should have named."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise BadInput("it is larger than 1 MiB", where=str(path), remedy=f"name {what}")
        return data.decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound("no such file", where=str(path), remedy=f"name {what}'s file") from error
    except UnicodeDecodeError as error:
        raise BadInput("it is not UTF-8 text", where=str(path), remedy="save it so") from error


def _refuse_endless(given: Any, path: Path, key: str) -> None:
    """YAML can write .nan and .inf; no number of a recipe means anything there."""
    if isinstance(given, float) and not math.isfinite(given):
        raise BadInput("it is no number", where=f"{path}: {key}", remedy="write a finite one")
    if isinstance(given, dict | list):
        parts = given.items() if isinstance(given, dict) else enumerate(given)
        for name, part in parts:
            _refuse_endless(part, path, f"{key}.{name}".lstrip("."))


def _refuse_unknown(given: Any, shape: Any, path: Path, prefix: str) -> None:
    fields = _fields(shape)
    if fields is None or not isinstance(given, dict):
        return
    for key, value in given.items():
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1, cutoff=0.0)
            raise BadInput(
                f"unknown key {key!r}",
                where=f"{path}: {prefix}{key}",
                remedy=f"did you mean {near[0]!r}? known here: {', '.join(fields)}",
            )
        _refuse_unknown_in(value, fields[key], path, f"{prefix}{key}")


def _refuse_unknown_in(value: Any, field: msgspec.inspect.Type, path: Path, key: str) -> None:
    for shape in _struct_types(field):
        if isinstance(value, list):
            for place, part in enumerate(value):
                _refuse_unknown(part, shape, path, f"{key}[{place}].")
        else:
            _refuse_unknown(value, shape, path, f"{key}.")


def _fields(shape: Any) -> dict[str, msgspec.inspect.Type] | None:
    info = shape if isinstance(shape, msgspec.inspect.Type) else msgspec.inspect.type_info(shape)
    if not isinstance(info, msgspec.inspect.StructType):
        return None
    return {field.encode_name: field.type for field in info.fields if field.name not in _SET}


def _struct_types(field: msgspec.inspect.Type) -> list[msgspec.inspect.StructType]:
    if isinstance(field, msgspec.inspect.StructType):
        return [field]
    if isinstance(field, msgspec.inspect.UnionType):
        return [part for part in field.types if isinstance(part, msgspec.inspect.StructType)]
    if isinstance(field, msgspec.inspect.VarTupleType):
        return _struct_types(field.item_type)
    return []


def _remedy(what: str, guide: str) -> str:
    if "required field" in what:
        return "add it"
    if "Expected `float`, got `str`" in what or "Expected `int`, got `str`" in what:
        return "write a plain number (YAML reads 1e-3 as text: write 1.0e-3)"
    if "Expected `str`, got" in what:
        return "put it in quotes"
    if "Expected `str | object`, got" in what:
        return "put a name in quotes, or write keys below it"
    return f"{guide} shows every key"


_SET = frozenset({"file", "text", "reference"})
"""Fields that the platform fills in: nobody writes them."""
