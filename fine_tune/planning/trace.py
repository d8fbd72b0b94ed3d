"""One training step gone through without numbers: which bytes would be alive when.

A base's configuration, a recipe's adapter and a row's layout come in; bytes go out, by phase of the
step. It is our own step that runs, over tensors that have shapes and no memory (torch's fake
tensors), on a stack of few layers. Knows no device and reads no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoConfig, AutoModelForCausalLM

from fine_tune.network.attention import Spans, register
from fine_tune.network.layers import decoder, recompute
from fine_tune.network.model import Batch, pack_loss, widen_embedding, with_adapter
from fine_tune.planning.alive import Alive
from fine_tune.planning.four_bits import ENDS
from fine_tune.planning.memory import BACKWARD, FORWARD, LOSS, Trace, Traces
from fine_tune.recipe import Adapter

_NO_SHAPE: Final = (
    "quantization_config", "dtype", "torch_dtype", "architectures", "auto_map", "layer_types",
)  # fmt: skip
"""Of a configuration, what says nothing of its shape, or follows from the rest."""


Step = Callable[[Any, Batch], torch.Tensor]
"""What a pass ends in: the loss of what is learnt, or the divergence of what is rehearsed."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one pass reads: its samples' tokens, whether they have masks, and what is learnt."""

    samples: tuple[int, ...]
    masked: tuple[bool, ...]
    learnt: int

    @property
    def tokens(self) -> int:
        """Tokens of all samples."""
        return sum(self.samples)


def trace(
    config: Mapping[str, Any],
    adapter: Adapter,
    dtype: torch.dtype,
    row: Row,
    layers: tuple[int, int],
    step: Step = pack_loss,
) -> Trace:
    """Go through one step of so many layers of a base, the second number of them computed twice."""
    alive = Alive(FORWARD)
    with FakeTensorMode():
        model = _shell(dict(config) | {"num_hidden_layers": layers[0]}, adapter, dtype, alive)
        recompute(model, layers[1])
        with alive, _end_of(decoder(model), alive) as kept:
            batch = _batch(row)
            loss = step(model, batch)
            alive.phase = BACKWARD
            loss.backward()  # type: ignore[no-untyped-call]
    return Trace(alive.peak, kept[-1])


def traces(
    config: Mapping[str, Any],
    adapter: Adapter,
    dtype: torch.dtype,
    row: Row,
    step: Step = pack_loss,
) -> Traces:
    """The traces that tell of any number of layers."""

    def of(layers: int, again: int) -> Trace:
        return trace(config, adapter, dtype, row, (layers, again), step)

    return Traces(of(3, 0), of(2, 1), of(3, 1), of(2, 2), of(3, 3))


def shell(config: Mapping[str, Any], adapter: Adapter, dtype: torch.dtype) -> Any:
    """A base of this configuration with an adapter, all of it without memory (meta)."""
    told = {name: value for name, value in config.items() if name not in _NO_SHAPE}
    kind = told.pop("model_type")
    ends = told.pop(ENDS, None)
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            AutoConfig.for_model(kind, **told), dtype=dtype, attn_implementation=register()
        )
        if ends is not None:
            _keep_ends(base, getattr(torch, ends))
            widen_embedding(base, dtype)
        return with_adapter(base, adapter, 0)


def _keep_ends(base: Any, dtype: torch.dtype) -> None:
    """Embedding and head in a dtype of their own; one, where they are one."""
    embedding, head = base.get_input_embeddings(), base.get_output_embeddings()
    tied = head.weight is embedding.weight
    embedding.weight = torch.nn.Parameter(embedding.weight.to(dtype), requires_grad=False)
    own = torch.nn.Parameter(head.weight.to(dtype), requires_grad=False)
    head.weight = embedding.weight if tied else own


def _shell(config: Mapping[str, Any], adapter: Adapter, dtype: torch.dtype, alive: Alive) -> Any:
    model = shell(config, adapter, dtype)
    for module in model.modules():
        for name, one in list(module._parameters.items()):
            if one is not None:
                fake = torch.empty(one.shape, dtype=one.dtype)
                alive.know(fake)
                module._parameters[name] = torch.nn.Parameter(fake, one.requires_grad)
        for name, one in list(module._buffers.items()):
            if one is not None:
                module._buffers[name] = torch.empty(one.shape, dtype=one.dtype)
                alive.know(module._buffers[name])
    return model.train()


def _batch(row: Row) -> Batch:
    begins, masks = [0], []
    for size, masked in zip(row.samples, row.masked, strict=True):
        begins.append(begins[-1] + size)
        masks.append(torch.ones(size, size, dtype=torch.bool) if masked else None)
    tokens, learnt = begins[-1], row.learnt
    return Batch(
        token=torch.zeros(1, tokens, dtype=torch.long),
        position=torch.zeros(1, tokens, dtype=torch.long),
        spans=Spans(tuple(begins), tuple(masks)),
        before=torch.zeros(learnt, dtype=torch.long),
        target=torch.zeros(learnt, dtype=torch.long),
        weight=torch.ones(learnt),
    )


@contextmanager
def _end_of(stack: Any, alive: Alive) -> Iterator[list[int]]:
    """Tell where the way forward ends, and what is alive there."""
    kept: list[int] = []

    def ended(*_: Any) -> None:
        alive.phase = LOSS
        kept.append(alive.now)

    hook = stack.register_forward_hook(ended)
    try:
        yield kept
    finally:
        hook.remove()
