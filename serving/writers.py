"""Whoever writes replies in a shell, by a person's words: a base, an adapter's version, or a URL.

Words come in, a `Writer` goes out for as long as it is needed. Any registered version may be tried
here, out of MLflow; what a service may open stands in assisting/signed_writers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from finmodel import tracking
from finmodel.adapters import KIND
from finmodel.assistant.engines.endpoint import Endpoint
from finmodel.assistant.engines.engine import Laid
from finmodel.assistant.suggesting.shelf import Writer
from finmodel.settings import Settings
from finmodel.signed_adapters import GGUF
from serving.evaluation_targets import Target, targets_of
from serving.local_engine import fresh_for, open_engine


@contextmanager
def open_writer(here: Settings, word: str, base: str = "") -> Iterator[Writer]:
    """The writer that is named; NotFound where none is called so."""
    target = targets_of(here, [word], base)[0]
    with ExitStack() as stack:
        if target.url:
            spoken = target.base.spoken if target.base is not None else None
            yield Writer(Endpoint(target.url, key=here.endpoint_key, spoken=spoken))
            return
        assert target.base is not None  # or it would be a server's
        laid = {}
        if target.run:
            folder = stack.enter_context(tracking.brought(here, target.run, KIND))
            aside = Path(stack.enter_context(TemporaryDirectory()))
            laid[target.label] = Laid(_as_read(target, folder, aside), target.base.digest)
        engine = open_engine(target.base, target.gguf, laid)
        stack.enter_context(closing(engine))
        fresh = fresh_for(target.base, target.gguf)
        yield Writer(engine, adapter=next(iter(laid), ""), fresh=fresh)


def _as_read(target: Target, folder: Path, aside: Path) -> Path:
    """An adapter in the form that its engine reads."""
    if target.gguf is None or target.base is None:
        return folder
    from fine_tune.training.export import write_gguf

    return write_gguf(folder, target.base, aside / GGUF)
