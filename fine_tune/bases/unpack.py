"""A GGUF file as a directory that can be trained: the same weights, as safetensors.

A GGUF comes in, a directory in Hugging Face's layout goes out. A GGUF holds numbers and text, no
code. Its quantised weights become float16, which is what they were quantised with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    modeling_gguf_pytorch_utils,
)
from transformers.utils import logging

from fine_tune.bases.base import TEMPLATE
from fine_tune.bases.weights import save_weights
from finmodel.durable import made_aside, replace_file
from finmodel.errors import BadInput, NotFound
from finmodel.progress import Progress, silent, teller

MAGIC: Final = b"GGUF"


def unpack(gguf: Path, folder: Path, progress: Progress = silent) -> Path:
    """The directory, whole or not at all; BadInput where the file is no GGUF of a known kind."""
    require_gguf(gguf)
    with made_aside(folder) as aside, _telling(progress):
        aside.mkdir(parents=True)
        _write(gguf, aside)
    return folder


@contextmanager
def _telling(progress: Progress) -> Iterator[None]:
    """transformers tells our progress: its own bar for this has no switch."""

    def each(tensors: Sequence[Any], **_: Any) -> Iterator[Any]:
        tell = teller("tensors unpacked", len(tensors), progress)
        for tensor in tensors:
            yield tensor
            tell()

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    reader: Any = modeling_gguf_pytorch_utils
    kept, reader.tqdm = reader.tqdm, each
    try:
        yield
    finally:
        reader.tqdm = kept


def require_gguf(path: Path) -> None:
    """NotFound or BadInput where a path is no GGUF file."""
    try:
        with path.open("rb") as file:
            begun = file.read(len(MAGIC))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound("no such file", where=str(path), remedy="name a .gguf file") from error
    if begun != MAGIC:
        raise BadInput("it is no GGUF file", where=str(path), remedy="name a .gguf file")


def _write(gguf: Path, folder: Path) -> None:
    where = {"gguf_file": gguf.name, "local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(gguf.parent, **where)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **where)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise BadInput(
            f"transformers cannot read this kind of GGUF: {str(error)[:200]}",
            where=str(gguf),
            remedy="bring the base as a directory of safetensors",
        ) from error
    if save_weights(model, folder):
        config.tie_word_embeddings = False
    config.dtype = torch.float16
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if not (folder / TEMPLATE).exists() and tokenizer.chat_template:
        replace_file(folder / TEMPLATE, tokenizer.chat_template.encode())
