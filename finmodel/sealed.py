"""A signed fact in one small JSON file, replaced by one rename: a pointer, a switch, a list.

    {"<part>": …, "signature": "…"}

The fact's bytes and a key go in; bytes that were verified come out. Knows nothing of what they say.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import msgspec

from finmodel.durable import replace_file
from finmodel.errors import Damaged
from finmodel.signing import sign_bytes, verify_bytes

_LARGEST = 1 << 20


class Seal(NamedTuple):
    """How one kind of fact is sealed, and what is said where it is not as it was."""

    part: str
    """The fact's key in the file."""
    context: str
    """Under which it is signed: no other signed bytes pass for one."""
    called: str
    remedy: str

    def damaged(self, path: Path, what: str) -> Damaged:
        """What is wrong with the fact in a file."""
        return Damaged(what, where=str(path), remedy=self.remedy)


def write_sealed(path: Path, seal: Seal, plain: bytes, keys: Path) -> None:
    """Sign the bytes of a fact and put them in its file."""
    signature = base64.b64encode(sign_bytes(plain, keys, context=seal.context)).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {seal.part: msgspec.Raw(plain), "signature": signature}
    replace_file(path, msgspec.json.encode(whole), 0o644)


def read_sealed(path: Path, seal: Seal, keys: Path) -> bytes | None:
    """The bytes of a fact; None where there is no file, Damaged where they are not as signed."""
    try:
        with path.open("rb") as file:
            whole = msgspec.json.decode(file.read(_LARGEST), type=dict[str, msgspec.Raw])
        plain, said = bytes(whole.pop(seal.part)), bytes(whole.pop("signature"))
        signature = base64.b64decode(msgspec.json.decode(said, type=str), validate=True)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise seal.damaged(path, f"it is not a signed {seal.called}") from error
    if whole:
        raise seal.damaged(path, f"it is not a signed {seal.called}")
    verify_bytes(plain, signature, keys, context=seal.context)
    return plain
