"""What files are, by their bytes: SHA-256 of one, and of several under their names.

Paths come in, hexadecimal digits go out; what the files hold is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(paths: Iterable[Path]) -> str:
    """Of files in their order, each by its name and its own hash."""
    return digest_of_hashed((path.name, sha256_of(path)) for path in paths)


def digest_of_hashed(hashed: Iterable[tuple[str, str]]) -> str:
    """The same of names and hashes that are known."""
    whole = hashlib.sha256()
    for name, sha256 in hashed:
        whole.update(f"{name}\0{sha256}\n".encode())
    return whole.hexdigest()
