"""Whoever writes replies, opened by a person's words: a base, an adapter's version, or a URL.

Words come in, a `Writer` goes out for as long as it is needed. On a CPU llama.cpp writes where the
shelf has the base's GGUF; else transformers does. What is written is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from finmodel import tracking
from finmodel.adapters import KIND
from finmodel.assistant.engines.endpoint import Endpoint
from finmodel.assistant.engines.engine import Engine, Laid
from finmodel.assistant.suggesting.shelf import Writer
from finmodel.settings import Settings
from serving.evaluation_targets import Target, targets_of

_LAID: Final = "adapter"


@contextmanager
def open_writer(here: Settings, word: str, base: str = "", slots: int = 1) -> Iterator[Writer]:
    """The writer that is named; NotFound where none is called so.

    On a CPU so many conversations keep what was read of them.
    """
    target = targets_of(here, [word], base)[0]
    with ExitStack() as stack:
        if target.url:
            spoken = target.base.spoken if target.base is not None else None
            yield Writer(Endpoint(target.url, key=here.endpoint_key, spoken=spoken))
            return
        folder = None
        if target.run:
            folder = stack.enter_context(tracking.brought(here, target.run, KIND))
        aside = Path(stack.enter_context(TemporaryDirectory()))
        engine = stack.enter_context(closing(_opened(target, folder, aside, slots)))
        yield Writer(engine, adapter=_LAID if folder is not None else "")


def _opened(target: Target, folder: Path | None, aside: Path, slots: int) -> Engine:
    base = target.base
    assert base is not None  # or it would be a server's
    if target.gguf is not None:
        from fine_tune.training.export import write_gguf
        from finmodel.assistant.engines.llama_cpp import LlamaCpp

        laid = {}
        if folder is not None:
            laid[_LAID] = Laid(write_gguf(folder, base, aside / "adapter.gguf"), base.digest)
        return LlamaCpp(target.gguf, base.spoken, laid, slots=slots)
    from finmodel.assistant.engines.transformer import open_transformer

    as_it_is = {_LAID: Laid(folder, base.digest)} if folder is not None else {}
    return open_transformer(base.folder, base.spoken, as_it_is)
