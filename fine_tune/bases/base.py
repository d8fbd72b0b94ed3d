"""A base model's directory, looked at before anything in it is used.

A directory in Hugging Face's layout comes in; what it is goes out: its family, its digest, its
tokenizer. Refused are weights that would be unpickled or are not whole, code of the model's own, a
model of another build, and what lacks a tokenizer. Nothing of it is run, no weight is
read, and no network is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from fine_tune.bases.whole import require_whole
from finmodel.assistant.encoder import Encoder
from finmodel.assistant.engines.engine import Spoken
from finmodel.assistant.template import FAMILIES, Family, family_of
from finmodel.durable import disk_error
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.hashes import digest_of

TEMPLATE: Final = "chat_template.jinja"
KINDS: Final = ("llama", "qwen2", "qwen3")
"""Models whose linears, templates and attention are known here."""
_PICKLED: Final = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_LLAMA2_WORDS: Final = 32_000
"""Llama-2's vocabulary. As it was pretrained it has no template and learns its sibling's."""


@dataclass(frozen=True)
class Base:
    """A base that may be used."""

    folder: Path
    model_type: str
    family: Family
    weights: tuple[Path, ...]
    noted: str = ""
    """Its digest where that is known (noted.py)."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Its configuration, tokenizer and weights."""
        return (self.folder / "config.json", self.folder / "tokenizer.json", *self.weights)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over its files: what an adapter belongs to."""
        return self.noted or digest_of(self.files)

    @cached_property
    def encode(self) -> Encoder:
        """Text to token numbers."""
        return Encoder(self.folder / "tokenizer.json")

    @property
    def spoken(self) -> Spoken:
        """How engines speak to it."""
        return Spoken(self.family, self.encode, self.digest)


def open_base(folder: Path) -> Base:
    """Look at a base's directory; BadInput where it may not be used, NotFound where it is none."""
    if not folder.is_dir():
        raise NotFound("no such directory", where=str(folder), remedy="name a base's directory")
    config = _json(folder / "config.json", "a base's configuration")
    _refuse_code(folder, config)
    weights = tuple(sorted(folder.glob("*.safetensors")))
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
    if not weights:
        raise BadInput(
            f"its weights would be unpickled: {', '.join(pickled)}" if pickled else "no weights",
            where=str(folder),
            remedy="bring them as *.safetensors",
        )
    if not (folder / "tokenizer.json").is_file():
        raise NotFound(
            "it has no tokenizer.json", where=str(folder), remedy="bring the base's tokenizer too"
        )
    _require_known(folder, config)
    require_whole(folder, weights)
    told = _template(folder)
    bare = not told and config.get("vocab_size") == _LLAMA2_WORDS
    family = FAMILIES["llama2"] if bare else family_of(told, str(folder))
    return Base(folder, config["model_type"], family, weights)


def _refuse_code(folder: Path, config: dict[str, Any]) -> None:
    code = sorted(path.name for path in folder.rglob("*.py"))
    if code or "auto_map" in config:
        raise BadInput(
            f"it brings code of its own: {', '.join(code) or 'auto_map in config.json'}",
            where=str(folder),
            remedy="take a base that transformers knows by itself, such as Qwen2.5 or Qwen3",
        )


def _require_known(folder: Path, config: dict[str, Any]) -> None:
    """BadInput for a model of another build: asked before any weight is read."""
    kind = config.get("model_type")
    if kind not in KINDS:
        raise BadInput(
            f"its model_type is {kind!r}, which cannot be tuned here"
            if kind
            else "it names no model_type",
            where=str(folder / "config.json"),
            remedy=f"take one of {', '.join(KINDS)}, such as Qwen2.5, Qwen3 or Llama-2",
        )


def _template(folder: Path) -> str:
    path = folder / TEMPLATE
    if path.is_file():
        return _utf8(_read(path), path)
    settings = folder / "tokenizer_config.json"
    told = _json(settings, "the tokenizer's settings").get("chat_template", "")
    return told if isinstance(told, str) else ""


def _json(path: Path, what: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(_utf8(_read(path), path))
    except FileNotFoundError as error:
        raise NotFound(
            f"it has no {path.name} ({what})",
            where=str(path.parent),
            remedy="name a directory in Hugging Face's layout",
        ) from error
    except msgspec.DecodeError as error:
        raise Damaged("it is not JSON", where=str(path), remedy="fetch the base again") from error
    if not isinstance(found, dict):
        raise Damaged("it holds no keys", where=str(path), remedy="fetch the base again")
    return found


def _read(path: Path) -> bytes:
    """A file's bytes; what the disk says otherwise is a sentence, but that it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise BadInput(
            "it is a folder, and a file is wanted",
            where=str(path),
            remedy="put the base's own file in its place",
        ) from error
    except OSError as error:
        raise disk_error(error, path) from error


def _utf8(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Damaged(
            "it is not UTF-8 text",
            where=str(path),
            remedy="save it as UTF-8, or fetch the base again",
        ) from error
