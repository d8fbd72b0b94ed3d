"""Agents' verdicts in a file: JSONL, one a line; docs/fine_tuning.md.

A path comes in and verdicts go out one by one, or the other way round. What is none is told with
file and line. What is learnt of them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from finmodel.durable import replacing
from finmodel.errors import BadInput
from finmodel.text_lines import Kind, json_of, lines, record
from finmodel.verdicts import Verdict, fault_of

_KIND: Final = Kind(
    "verdict",
    "docs/fine_tuning.md",
    Verdict.__struct_fields__,
    {"verdict": "write accepted, edited or rejected"},
)
_ENCODER: Final = msgspec.json.Encoder()


def read_verdicts(path: Path) -> Iterator[Verdict]:
    """The verdicts of a file; BadInput for the first line that is none, or that stands twice."""
    seen: dict[str, str] = {}
    for where, line in lines(path, _KIND):
        if not line.strip():
            continue
        one = record(json_of(line, where, _KIND), Verdict, where, _KIND)
        if one.id in seen:
            what = f"verdict {one.id!r} stands in {seen[one.id]} too"
            raise BadInput(what, where=where, remedy="give each its own id")
        seen[one.id] = where
        if fault := fault_of(one):
            raise BadInput(f"verdict {one.id!r}: {fault[0]}", where=where, remedy=fault[1])
        yield one


def write_verdicts(path: Path, verdicts: Iterable[Verdict]) -> int:
    """Write a file, whole or not at all; how many there are."""
    count = 0
    with replacing(path) as file:
        for one in verdicts:
            file.write(_ENCODER.encode(one) + b"\n")
            count += 1
    return count
