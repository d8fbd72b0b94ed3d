"""What was made ready of simulated conversations, kept so that a life that goes on reads it.

A recipe, a base and material come in; what the run reads goes out, from the file where that was
made of the very same things. Only what is nobody's is kept: real conversations are prepared each
time, so that no erasure has to look for them here.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

import finmodel
from fine_tune.bases.base import Base
from fine_tune.network.processes import first
from fine_tune.ready import Ready, Simulated, Source, made_ready
from fine_tune.recipe import Recipe, essence
from finmodel.assistant.facts import Facts
from finmodel.durable import disk_error, replacing
from finmodel.hashes import digest_of_hashed, sha256_of
from finmodel.progress import Progress

_SHA256: Final = 32
"""Bytes of a hash: the file begins with that of the rest, then with what it was made of."""
_CODE: Final = (Path(finmodel.__file__).parent, Path(__file__).parent)
_NO_CODE: Final = {".safetensors"}
_LIBRARIES: Final = ("msgspec", "numpy", "pyyaml", "tokenizers")


def ready_of(source: Source, recipe: Recipe, base: Base, file: Path, progress: Progress) -> Ready:
    """What a run reads; of simulated conversations as it is kept, or made and kept.

    A file that is damaged or was made of other things is made anew, which is told.
    """
    if not isinstance(source, Simulated):
        return made_ready(recipe, base, source)
    of = made_of(recipe, base, source)
    data = _read(file)
    wrong = fault_of(data, of)
    if not wrong:
        return _decode(data[2 * _SHA256 :])
    if data:
        progress(f"conversations are prepared anew: what was kept {wrong}", 1, 1)
    ready = made_ready(recipe, base, source.make())
    if first():
        _keep(file, of + msgspec.msgpack.encode(ready, enc_hook=_plain))
    return ready


def made_of(recipe: Recipe, base: Base, source: Simulated) -> bytes:
    """Hash of everything that what a run reads is a function of."""
    libraries = [sys.version, *map(version, _LIBRARIES)]
    recipe_told = msgspec.to_builtins(essence(recipe))
    speaks = [base.digest, base.family.name]  # its template is not in its digest
    told = [recipe_told, speaks, list(source.of), libraries, digest_of_hashed(_code())]
    return hashlib.sha256(msgspec.json.encode(told)).digest()


def _code() -> Iterator[tuple[str, str]]:
    """Each file of the simulator, its scripts, the masks and of tuning, with its hash."""
    for folder in _CODE:
        for path in sorted(folder.rglob("*")):
            if "__pycache__" in path.parts or path.suffix in _NO_CODE:
                continue
            if path.is_file():
                yield str(path.relative_to(folder.parent)), sha256_of(path)


def fault_of(data: bytes, of: bytes) -> str:
    """What is wrong with a file's bytes; nothing where they are whole and made of this.

    >>> whole = hashlib.sha256(b"a" * 32 + b"rest").digest() + b"a" * 32 + b"rest"
    >>> fault_of(whole, b"a" * 32), fault_of(whole[:-1], b"a" * 32)
    ('', 'is damaged')
    """
    told, rest = data[:_SHA256], data[_SHA256:]
    if hashlib.sha256(rest).digest() != told:
        return "is damaged"
    return "" if rest[:_SHA256] == of else "is of another recipe, base or version"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise disk_error(error, file) from error


def _keep(file: Path, rest: bytes) -> None:
    with replacing(file) as aside:
        aside.write(hashlib.sha256(rest).digest() + rest)


def _decode(data: bytes) -> Ready:
    return msgspec.msgpack.decode(data, type=Ready, dec_hook=_made)


def _plain(one: Any) -> Any:
    return one.plain() if isinstance(one, Facts) else one.tobytes()


def _made(kind: Any, told: Any) -> Any:
    if kind is Facts:
        return Facts.of_plain(told)
    (number,) = kind.__args__[1].__args__
    return np.frombuffer(told, number)
