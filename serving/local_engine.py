"""An engine in this process over a base: llama.cpp on a CPU that has its GGUF, else transformers.

A base and adapters in the form that the engine reads come in, an engine goes out; an adapter as
PEFT keeps it comes in, and its other forms go out. Who may serve them is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from finmodel.assistant.engines.engine import Engine, Laid
from finmodel.assistant.suggesting.shelf import FEW, FRESH, MANY
from finmodel.errors import BadInput
from finmodel.settings import Settings
from finmodel.signed_adapters import GGUF

if TYPE_CHECKING:  # it imports tokenizers, which takes a second
    from fine_tune.bases.base import Base


_SMALL: Final = 256 << 20
"""Bytes of weights."""
_DRIVERS: Final = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))
"""NVIDIA's, AMD's, and that of either in Windows's Linux."""


def open_engine(
    base: Base, gguf: Path | None, adapters: Mapping[str, Laid], slots: int = 1
) -> Engine:
    """The engine, which writes so many replies at once."""
    if gguf is not None:
        from finmodel.assistant.engines.llama_cpp import LlamaCpp

        # Two threads of a small base wait for each other longer than they compute.
        threads = 1 if is_small(base) else 0
        return LlamaCpp(gguf, base.spoken, adapters, slots=slots, threads=threads)
    import torch

    from finmodel.assistant.engines.transformer import open_transformer

    dtype = torch.bfloat16 if has_gpu() else torch.float32
    return open_transformer(base.folder, base.spoken, adapters, dtype=dtype, slots=slots)


def has_gpu() -> bool:
    """Whether transformers would write on a GPU; torch is asked only where a driver is."""
    if not any(driver.exists() for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def is_small(base: Base) -> bool:
    """Whether a CPU writes many replies of it at once."""
    return sum(path.stat().st_size for path in base.weights) < _SMALL


def places_for(base: Base, gguf: Path | None) -> int:
    """So many replies are written at once: many where the machine has time for them."""
    if is_small(base):
        return MANY
    return MANY if gguf is None and has_gpu() else FEW


def fresh_for(base: Base, gguf: Path | None) -> int | None:
    """About so many tokens may be new before a reply, where reading them takes long."""
    return FRESH if gguf is not None and not is_small(base) else None


def gguf_to_serve(here: Settings, base: Base, aside: Path) -> Path | None:
    """The base's GGUF from the shelf; a small base without one is written as one, aside.

    None where transformers is to serve it: a large base on a GPU, or one that has no GGUF.
    """
    if has_gpu() and not is_small(base):
        return None
    from fine_tune.bases.shelf import gguf_with

    found = gguf_with(here.bases, base.digest)
    if found is not None or not is_small(base):
        return found
    from fine_tune.bases.as_gguf import write_base_gguf

    try:
        return write_base_gguf(base, aside / "base.gguf")
    except BadInput:
        return None


def forms_of(base: Base, adapter: Path) -> dict[str, bytes]:
    """What llama.cpp reads of an adapter, to be signed beside it; nothing where it reads none."""
    from serving.bases import hush_peft  # brings the shell

    hush_peft()
    from fine_tune.training.export import write_gguf

    try:
        return gguf_form(partial(write_gguf, adapter, base))
    except BadInput:  # transformers can
        return {}


def gguf_form(write: Callable[[Path], Path]) -> dict[str, bytes]:
    """What is written into a file, as the form that llama.cpp reads."""
    with TemporaryDirectory() as aside:
        return {GGUF: write(Path(aside) / GGUF).read_bytes()}
