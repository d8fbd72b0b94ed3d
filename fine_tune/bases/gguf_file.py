"""A GGUF file as it is written here: aside, whole or not at all.

A target and the name of an architecture come in; whoever asked adds keys and tensors, which then
stand in the file. What they are is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gguf import GGUFWriter

from finmodel.durable import made_aside


@contextmanager
def gguf_file(target: Path, architecture: str) -> Iterator[GGUFWriter]:
    """Where keys and tensors are added; written when nothing went wrong."""
    with made_aside(target) as aside:
        writer = GGUFWriter(aside, architecture)
        yield writer
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
