"""An engine in this process over a base: llama.cpp where its GGUF is here, transformers elsewhere.

A base and adapters in the form that the engine reads come in, an engine goes out; an adapter as
PEFT keeps it comes in, and its other forms go out. Who may serve them is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from finmodel.assistant.engines.engine import Engine, Laid
from finmodel.errors import BadInput
from finmodel.signed_adapters import GGUF

if TYPE_CHECKING:  # it imports tokenizers, which takes a second
    from fine_tune.bases.base import Base


def open_engine(
    base: Base, gguf: Path | None, adapters: Mapping[str, Laid], slots: int = 1
) -> Engine:
    """The engine; on a CPU so many conversations keep what was read of them."""
    if gguf is not None:
        from finmodel.assistant.engines.llama_cpp import LlamaCpp

        return LlamaCpp(gguf, base.spoken, adapters, slots=slots)
    from finmodel.assistant.engines.transformer import open_transformer

    return open_transformer(base.folder, base.spoken, adapters)


def forms_of(base: Base, adapter: Path) -> dict[str, bytes]:
    """What llama.cpp reads of an adapter, to be signed beside it; nothing where it reads none."""
    from serving.bases import hush_peft  # brings the shell

    hush_peft()
    from fine_tune.training.export import write_gguf

    with TemporaryDirectory() as aside:
        try:
            return {GGUF: write_gguf(adapter, base, Path(aside) / GGUF).read_bytes()}
        except BadInput:  # transformers can
            return {}
