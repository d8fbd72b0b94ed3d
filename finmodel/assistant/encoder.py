"""A base's tokenizer, as pieces of a template are read: nothing added, control where it is told.

A tokenizer.json comes in; text goes out as token numbers and back. A person's text is read by a
copy that has no control tokens at all, so that none can be typed. SentencePiece's tokenizers put a
blank before a text: here a piece may stand in the middle, so that only what follows a control token
gets one, as in a text that is read whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import Tokenizer

from finmodel.errors import Damaged


class Encoder:
    """Text to token numbers: control tokens are read only where it is told to."""

    def __init__(self, path: Path) -> None:
        try:
            given = msgspec.json.decode(path.read_bytes())
            self._whole = Tokenizer.from_file(str(path))
            self._control = tuple(one["content"] for one in given["added_tokens"])
            self._inner = _tokenizer(_without_blank(given))
            self._plain = _tokenizer(_without_blank(given) | {"added_tokens": []})
        except Exception as error:  # the library raises nothing narrower
            raise Damaged(
                "it is no tokenizer", where=str(path), remedy="fetch the base again"
            ) from error

    def __call__(self, text: str, control: bool) -> Sequence[int]:
        """The tokens of a text, none added."""
        if not control:
            tokenizer = self._plain
        else:
            tokenizer = self._whole if text.startswith(self._control) else self._inner
        found: Sequence[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, control tokens left out."""
        return str(self._whole.decode(list(tokens), skip_special_tokens=True))


def _tokenizer(given: dict[str, Any]) -> Tokenizer:
    # The library adds to what it was given: what follows a text, such as Llama-2's <s>, is not read
    # where none is asked for, and would name control tokens that are not there.
    return Tokenizer.from_str(msgspec.json.encode(given | {"post_processor": None}).decode())


def _without_blank(given: dict[str, Any]) -> dict[str, Any]:
    """The same tokenizer, which puts no blank before a text."""
    return given | {
        "normalizer": _stripped(given.get("normalizer"), "normalizers"),
        "pre_tokenizer": _stripped(given.get("pre_tokenizer"), "pretokenizers"),
    }


def _stripped(part: Any, inner: str) -> Any:
    if not isinstance(part, dict) or part["type"] == "Prepend":
        return None
    if part["type"] == "Metaspace":
        kept = {key: value for key, value in part.items() if key != "add_prefix_space"}
        return kept | {"prepend_scheme": "never"}
    if part["type"] == "Sequence":
        parts = [_stripped(one, inner) for one in part[inner]]
        return part | {inner: [one for one in parts if one is not None]}
    return part
