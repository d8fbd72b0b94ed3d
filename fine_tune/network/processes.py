"""One run in several processes: each holds a part of the base's layers and the whole adapter.

A launcher's environment comes in (`accelerate launch`, `torchrun`); who learns which pack goes out,
and what all have found together. Every process goes through the same plan, so that only gradients
and losses have to be told. In one process nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import distributed

from fine_tune.lessons.pack import Pack
from fine_tune.network.layers import decoder
from finmodel.errors import BadInput
from finmodel.progress import Progress, silent


def join(packs: int, progress: Progress = silent) -> Progress:
    """Meet the other processes, if a launcher started some; the first alone tells how far it is.

    BadInput as `require_packs` says.
    """
    if distributed.is_torchelastic_launched():
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())
    require_packs(packs)
    return progress if first() else silent


def count() -> int:
    """How many they are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def first() -> bool:
    """Whether this is the one that writes and tells."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def require_packs(packs: int) -> None:
    """BadInput where a step's packs cannot be shared out evenly."""
    if packs % count():
        raise BadInput(
            f"{packs} packs a step are not shared out evenly among {count()} processes",
            where="packs",
            remedy=f"give the recipe `packs: {count()}` or a multiple of it",
        )


def shared_out(packs: Sequence[Pack]) -> Iterator[tuple[Pack, float]]:
    """This process's packs of a step, each with its weight.

    All must take part as often, since the base's layers are put together by all: where the packs do
    not suffice, one is gone through once more and weighs nothing.
    """
    if count() == 1:
        yield from ((pack, 1.0) for pack in packs)
        return
    for begin in range(0, len(packs), count()):
        place = begin + distributed.get_rank()
        spare = place >= len(packs)
        yield packs[begin if spare else place], 0.0 if spare else 1.0


def summed(value: float) -> float:
    """The sum of what each process has."""
    return _all(value, distributed.ReduceOp.SUM)


def most(value: float) -> float:
    """The greatest of what each process has."""
    return _all(value, distributed.ReduceOp.MAX)


def sum_gradients(learning: Sequence[torch.Tensor]) -> None:
    """Each gradient becomes the sum of all processes' own."""
    if count() == 1:
        return
    for one in learning:
        if one.grad is not None:
            distributed.all_reduce(one.grad)


def place(model: Any, device: torch.device) -> None:
    """Bring a model to a device; of several processes each keeps its part alone.

    BadInput for a base in four bits: what its numbers mean would stay behind.
    """
    if count() > 1:
        if getattr(model.config, "quantization_config", None) is not None:
            raise BadInput(
                "a base in four bits is not shared out among processes",
                where="quantised",
                remedy="leave `quantised` out and take a whole base, or run in one process",
            )
        _shard(model)
    if next(model.parameters()).device != device:
        model.to(device)


def _shard(model: Any) -> None:
    """Keep a part of the frozen layers in each process (FSDP); adapter, embedding, head whole."""
    from torch.distributed.fsdp import fully_shard

    body = decoder(model)
    whole = {one for one in model.parameters() if one.requires_grad}
    whole |= {body.embed_tokens.weight}
    for layer in body.layers:
        fully_shard(layer, ignored_params=whole)
    fully_shard(body, ignored_params=whole)


def _all(value: float, how: Any) -> float:
    if count() == 1:
        return value
    device = "cuda" if torch.cuda.is_available() else "cpu"
    told = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.all_reduce(told, how)
    return float(told)
