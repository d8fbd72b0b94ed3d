"""Targets opened and asked: an engine for each, one model for all that stand on one base.

Targets and what each is asked come in; a table and what was written go out. On a CPU llama.cpp
writes where the shelf has the base's GGUF; likelihoods are always those of transformers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from peft import PeftModel

from fine_tune.bases.base import Base
from fine_tune.judging.evaluation import (
    Column,
    Table,
    ask,
    filled,
    likelihoods,
    require_readable,
)
from fine_tune.judging.suites import Judge, Written
from fine_tune.lessons.samples import Lesson
from fine_tune.network.machine import best_device, fastest_dtype
from fine_tune.network.model import load_base
from fine_tune.planning.out_of_memory import memory_told
from fine_tune.training.export import write_gguf
from finmodel import tracking
from finmodel.adapters import KIND
from finmodel.assistant.engines.endpoint import Endpoint
from finmodel.assistant.engines.engine import Engine, Laid
from finmodel.assistant.engines.llama_cpp import LlamaCpp
from finmodel.assistant.engines.transformer import Transformer
from finmodel.errors import BadInput
from finmodel.progress import Progress
from finmodel.settings import Settings
from serving.evaluation_targets import Target


@dataclass(frozen=True, slots=True)
class Held:
    """What every target is asked, and judged by."""

    lessons: list[Lesson]
    judge: Judge
    general: tuple[str, ...]
    progress: Progress


_SMALLER: Final = (
    "a smaller base fits, or a machine with more memory; or serve it elsewhere, and give its URL"
)
_Measured = Iterator[tuple[Column, list[Written]]]


def compared(
    here: Settings, targets: Sequence[Target], held: Held, engine: str
) -> tuple[Table, dict[str, list[Written]]]:
    """A column for each target, in their order, and what each wrote."""
    columns: dict[str, Column] = {}
    written: dict[str, list[Written]] = {}
    for digest, group in groupby(sorted(targets, key=_loaded), key=_loaded):
        mine = list(group)
        measured = (
            _of_base(here, mine, held, engine)
            if digest
            else (_of_endpoint(here, one, held) for one in mine)
        )
        for one, replies in measured:
            columns[one.target], written[one.target] = one, replies
    return Table(len(held.lessons), tuple(columns[one.label] for one in targets)), written


def _loaded(target: Target) -> str:
    """The digest of the base that must be loaded for it; empty for a server, which has its own."""
    return target.base.digest if target.base is not None and not target.url else ""


def _of_endpoint(here: Settings, target: Target, held: Held) -> tuple[Column, list[Written]]:
    base = target.base
    engine = Endpoint(
        target.url, key=here.endpoint_key, spoken=base.spoken if base is not None else None
    )
    replies = _ask(engine, "", target, held)
    told = Column(target.label, target.kind, "endpoint", base.digest if base is not None else "")
    return filled(told, held.lessons, replies, held.judge, {}), replies


def _of_base(here: Settings, targets: Sequence[Target], held: Held, engine: str) -> _Measured:
    """Targets of one base: written by llama.cpp or by the model, likelihoods by the model."""
    base = targets[0].base
    assert base is not None  # or it would be a server's
    require_readable(held.lessons, base)
    with ExitStack() as stack:
        labels = ", ".join(one.label for one in targets)
        stack.enter_context(memory_told("comparing", labels, lambda: _SMALLER))
        folders = {
            one.label: stack.enter_context(tracking.brought(here, one.run, KIND))
            for one in targets
            if one.run
        }
        gguf = _gguf(targets, engine)
        written = {} if gguf is None else _by_llama_cpp(base, gguf, targets, folders, held)
        model = _model(base, folders)
        for one in targets:
            # Closed before likelihoods are asked: it lays adapters over the very model.
            with closing(Transformer(model, base.spoken)) as stock:
                replies = written.get(one.label) or _ask(
                    stock, _name(one.label, folders), one, held
                )
            with _standing(model, _name(one.label, folders)):
                more = likelihoods(
                    model, base, held.lessons, held.judge, held.general, held.progress
                )
            who = LlamaCpp.name if written else Transformer.name
            told = Column(one.label, one.kind, who, base.digest, one.champion)
            yield filled(told, held.lessons, replies, held.judge, more), replies


def _gguf(targets: Sequence[Target], engine: str) -> Path | None:
    """The base for llama.cpp, where it is to write; BadInput where it must and cannot."""
    gguf = next((one.gguf for one in targets if one.gguf is not None), None)
    if engine == "llama.cpp" and gguf is None:
        raise BadInput(
            "the shelf has no GGUF of this base",
            where=targets[0].label,
            remedy="bring it with finmodel base add FILE.gguf, or write by transformers: "
            "--engine transformers",
        )
    wanted = engine == "llama.cpp" or (engine == "auto" and not torch.cuda.is_available())
    return gguf if wanted else None


def _by_llama_cpp(
    base: Base,
    gguf: Path,
    targets: Sequence[Target],
    folders: Mapping[str, Path],
    held: Held,
) -> dict[str, list[Written]]:
    with TemporaryDirectory() as aside:
        laid = {
            _name(label, folders): Laid(
                _as_gguf(label, folder, base, Path(aside) / f"{number}.gguf"), base.digest
            )
            for number, (label, folder) in enumerate(folders.items())
        }
        with closing(LlamaCpp(gguf, base.spoken, laid)) as engine:
            return {
                one.label: _ask(engine, _name(one.label, folders), one, held) for one in targets
            }


def _as_gguf(label: str, adapter: Path, base: Base, target: Path) -> Path:
    """An adapter for llama.cpp; BadInput where it cannot be one, and what writes without it."""
    try:
        return write_gguf(adapter, base, target)
    except BadInput as error:
        raise BadInput(
            error.what, where=label, remedy="write by transformers: --engine transformers"
        ) from error


def _ask(engine: Engine, adapter: str, target: Target, held: Held) -> list[Written]:
    return ask(engine, adapter, held.lessons, held.progress, f"{target.label}: replies written")


def _model(base: Base, folders: Mapping[str, Path]) -> Any:
    """The base, with the adapters over it under their names."""
    model: Any = load_base(base.folder, fastest_dtype())
    model = model.to(best_device())
    for label, folder in folders.items():
        name = _name(label, folders)
        if isinstance(model, PeftModel):
            model.load_adapter(folder, adapter_name=name)
        else:
            model = PeftModel.from_pretrained(model, folder, adapter_name=name)
    return model.eval()


def _name(label: str, folders: Mapping[str, Path]) -> str:
    """What engines call a target's adapter; empty for the bare base."""
    return f"adapter{list(folders).index(label)}" if label in folders else ""


def _standing(model: Any, adapter: str) -> Any:
    """The model with this adapter over it, or none."""
    if adapter:
        model.set_adapter(adapter)
    elif isinstance(model, PeftModel):
        return model.disable_adapter()
    return nullcontext()
