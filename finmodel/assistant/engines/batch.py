"""Replies that are written together: a token costs one look at the weights, however many want one.

Conversations come in as rows, and the next token of each goes out. A prompt is read by itself, in
pieces; what was read of it then joins the others, filled on the left, so that the last place of
every row is its newest token. Who ended is cut out. Which adapter lies over the model, and who
waits for the words, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch.nn.functional import pad
from transformers import DynamicCache

from finmodel.assistant.engines.engine import Asked, Spoken, Wording

READ_AT_ONCE: Final = 256
"""Tokens of a prompt that are read before those who write get a turn."""
TOGETHER: Final = 12
"""Replies that are written at once where nobody waits for one."""

_Fits = Callable[[int], bool]


@dataclass(slots=True, eq=False)
class Row:
    """One reply, as far as it is written."""

    asked: Asked
    stop: int
    """The token that ends a reply."""
    begun: int
    """Tokens of the prompt."""
    tokens: list[int]
    """Of the prompt, and behind them of the reply."""
    chance: torch.Generator
    """Its own: what others write changes nothing here."""
    fits: _Fits | None = None
    """Whether a token may come next; any may where there is none."""
    ended: bool = False

    @classmethod
    def of(cls, spoken: Spoken, asked: Asked, device: torch.device) -> Row:
        """A reply of which nothing is written."""
        stop, prompt = spoken.encode(spoken.family.stop, True)[0], spoken.prompt(asked)
        chance = torch.Generator(device=device).manual_seed(asked.seed)
        row = cls(asked, stop, len(prompt), prompt, chance)
        if asked.wording is not None:
            row.fits = _kept_to(asked.wording, spoken, row)
        return row

    @property
    def out(self) -> list[int]:
        """The tokens of the reply."""
        return self.tokens[self.begun :]

    def take(self, token: int | None) -> None:
        """One token more; None where nothing fits."""
        most = self.begun + self.asked.most
        if token is None or token == self.stop or len(self.tokens) >= most:
            self.ended = True
            return
        self.tokens.append(token)
        self.ended = len(self.tokens) >= most


class Batch(NamedTuple):
    """Rows of which equally much, from the right, was read."""

    rows: tuple[Row, ...]
    left: tuple[int, ...]
    """Places before each row's first token, which hold nothing."""
    width: int
    """Places that were read, those among them."""
    cache: Any
    """(rows, heads, width, size) keys and values of each layer; reading on lengthens it."""
    scores: torch.Tensor
    """(rows, vocabulary) of the token behind what was read; (0,) where nothing was."""

    @property
    def unread(self) -> int:
        """Tokens of each row that are to be read before its next one can be chosen."""
        return len(self.rows[0].tokens) - (self.width - self.left[0]) if self.rows else 0


NOTHING: Final = Batch((), (), 0, DynamicCache(), torch.empty(0))


def new(row: Row) -> Batch:
    """A row of which nothing is read."""
    return Batch((row,), (0,), 0, DynamicCache(), torch.empty(0))


def read_on(model: Any, batch: Batch) -> Batch:
    """With the next tokens read: a piece of one row's prompt, or the newest token of each row."""
    some, wide = min(batch.unread, READ_AT_ONCE), batch.width
    if not some:
        return batch
    step = [
        row.tokens[wide - left : wide - left + some]
        for row, left in zip(batch.rows, batch.left, strict=True)
    ]
    whole, device = bare(model), device_of(model)
    head = whole.get_output_embeddings()
    left = torch.tensor(batch.left, device=device)[:, None]
    every = torch.arange(wide + some, device=device)[None]
    with torch.no_grad():
        hidden = whole.model(
            torch.tensor(step, device=device),
            attention_mask=every >= left if any(batch.left) else None,
            position_ids=every[:, wide:] - left,
            cache=batch.cache,
            use_cache=True,
        ).last_hidden_state[:, -1]
        scores = head(hidden.to(head.weight.dtype))
    return batch._replace(width=wide + some, scores=scores)


def read_whole(model: Any, row: Row) -> Batch:
    """A row whose prompt is read."""
    batch = new(row)
    while batch.unread:
        batch = read_on(model, batch)
    return batch


def joined(one: Batch, other: Batch) -> Batch:
    """Two batches, both read to the end, as one."""
    if not (one.rows and other.rows):
        return one if one.rows else other
    width = max(one.width, other.width)
    layers = [
        tuple(torch.cat([_filled(part, width) for part in both]) for both in zip(*two, strict=True))
        for two in zip(_layers(one), _layers(other), strict=True)
    ]
    return Batch(
        (*one.rows, *other.rows),
        tuple(left + width - each.width for each in (one, other) for left in each.left),
        width,
        DynamicCache(layers),
        torch.cat([one.scores, other.scores]),
    )


def only(batch: Batch, places: Sequence[int]) -> Batch:
    """The rows at these places, without what holds nothing in any of them."""
    if len(places) == len(batch.rows):
        return batch
    if not places:
        return NOTHING
    spare = min(batch.left[place] for place in places)
    rows = torch.tensor(places, device=batch.scores.device)
    return Batch(
        tuple(batch.rows[place] for place in places),
        tuple(batch.left[place] - spare for place in places),
        batch.width - spare,
        DynamicCache([tuple(part[rows, :, spare:] for part in one) for one in _layers(batch)]),
        batch.scores[rows],
    )


def _layers(batch: Batch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values of each layer."""
    return [(layer.keys, layer.values) for layer in batch.cache.layers]


def _filled(states: torch.Tensor, width: int) -> torch.Tensor:
    """States so wide: on the left zeros, at which nothing looks."""
    return pad(states, (0, 0, width - states.shape[-2], 0))


def chosen(batch: Batch) -> Batch:
    """Each row with its next token, and of them those that go on."""
    keys = _keys(batch)
    for row, own, first in zip(batch.rows, keys, keys.argmax(dim=1).tolist(), strict=True):
        row.take(_fitting(row, own, first))
    return only(batch, [place for place, row in enumerate(batch.rows) if not row.ended])


def _keys(batch: Batch) -> torch.Tensor:
    """(rows, vocabulary) of which the largest is chosen: scores, or where chance has a say, those
    with Gumbel's noise: the largest is a sample of their softmax, the next largest one of what is
    left (Gumbel 1954, Statistical Theory of Extreme Values).
    """
    warm = [place for place, row in enumerate(batch.rows) if row.asked.temperature > 0.0]
    if not warm:
        return batch.scores
    keys = batch.scores.to(torch.promote_types(batch.scores.dtype, torch.float32), copy=True)
    for place in warm:
        row = batch.rows[place]
        wait = torch.empty_like(keys[place]).exponential_(generator=row.chance)
        keys[place] = keys[place] / row.asked.temperature - wait.log()
    return keys


def _fitting(row: Row, keys: torch.Tensor, first: int) -> int | None:
    """The token of the largest key that fits, as if others were impossible; None of none."""
    if row.fits is None or row.fits(first):
        return first
    return next((one for one in keys.argsort(descending=True).tolist() if row.fits(one)), None)


def _kept_to(wording: Wording, spoken: Spoken, row: Row) -> _Fits:
    """Whether a token may follow what is out: a figure's last byte, too, is seen as the figure."""
    decode = spoken.encode.decode

    def fits(token: int) -> bool:
        if token == row.stop:
            return wording.ends(decode(row.out))
        return bool(decode([token])) and wording.begins(decode([*row.out, token]))

    return fits


def write_tokens(model: Any, spoken: Spoken, asked: Asked) -> Iterator[int]:
    """The tokens of a reply by a model as it stands, up to what ends one in its family.

    Where it has a wording to keep to, a token that would leave it is never chosen.
    """
    row = Row.of(spoken, asked, device_of(model))
    with plain_attention(model):
        batch, told = read_whole(model, row), 0
        while batch.rows:
            batch = chosen(batch)
            yield from row.out[told:]
            told = len(row.out)
            batch = read_on(model, batch)


def write_many(
    model: Any, spoken: Spoken, asked: Sequence[Asked], together: int = TOGETHER
) -> Iterator[tuple[int, list[int]]]:
    """The place of each and the tokens of its reply, as it ends; the next is then begun."""
    waiting = list(enumerate(asked))[::-1]
    writing: list[tuple[int, Row]] = []
    batch, device = NOTHING, device_of(model)
    with plain_attention(model):
        while waiting or writing:
            while waiting and len(writing) < together:
                place, one = waiting.pop()
                writing.append((place, Row.of(spoken, one, device)))
                batch = joined(batch, read_whole(model, writing[-1][1]))
            batch = read_on(model, chosen(batch))
            yield from ((place, row.out) for place, row in writing if row.ended)
            writing = [(place, row) for place, row in writing if not row.ended]


def device_of(model: Any) -> torch.device:
    """Where a model reads its tokens."""
    found: torch.device = bare(model).get_output_embeddings().weight.device
    return found


def bare(model: Any) -> Any:
    """The causal model under PEFT, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def plain_attention(model: Any) -> Iterator[None]:
    """Attention of one conversation, for a model that is being trained on packs of many."""
    whole = bare(model)
    before = whole.config._attn_implementation
    if before in ("sdpa", "eager"):
        yield
        return
    whole.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        whole.set_attn_implementation(before)
