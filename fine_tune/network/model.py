"""A base with a low-rank adapter on it, and what one pack of samples costs it.

A base's directory and a recipe's adapter come in; a model goes out whose base is frozen, and the
summed loss of a pack. transformers gives the layers and peft the adapter; here is only how they
are put together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedModel

from fine_tune.lessons.pack import Pack
from fine_tune.network.attention import Spans, register, spans_of
from fine_tune.network.divergence import frozen_head_divergence
from fine_tune.network.layers import decoder
from fine_tune.network.loss import frozen_head_loss
from fine_tune.network.low_rank import fuse
from fine_tune.recipe import Adapter


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A pack on the model's device."""

    token: torch.Tensor
    """(1, n)"""
    position: torch.Tensor
    spans: Spans
    before: torch.Tensor
    """(m,) places whose hidden states say the learnt tokens."""
    target: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, pack: Pack, device: torch.device) -> Batch:
        """A pack as tensors."""
        token = torch.from_numpy(pack.column("token")).long()
        learnt = torch.from_numpy(pack.column("learnt"))
        (place,) = torch.nonzero(learnt, as_tuple=True)
        # A branch's first tokens are never learnt: what stands before a learnt one is its own.
        return cls(
            token=token[None].to(device),
            position=torch.from_numpy(pack.column("position")).long()[None].to(device),
            spans=spans_of(pack, device),
            before=(place - 1).to(device),
            target=token[place].to(device),
            weight=learnt[place].to(device),
        )


def load_base(
    folder: Path, dtype: torch.dtype, quantised: Literal["nf4"] | None = None
) -> PreTrainedModel:
    """A base from its directory, without any code of its own, with attention by branches.

    With `quantised` its linears are frozen in four bits, as they are where they were kept so.
    """
    further = {}
    if quantised is not None:
        from fine_tune.network.nf4 import quantisation

        further["quantization_config"] = quantisation(dtype)
    base = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        attn_implementation=register(),
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
        **further,
    )
    if getattr(base, "is_loaded_in_4bit", False):
        from fine_tune.network.nf4 import take_panels

        take_panels(base)
        _compute_in(base, dtype)
        if quantised is not None:
            _let_go_of_files(base)
    return base


def _compute_in(base: PreTrainedModel, dtype: torch.dtype) -> None:
    """Have the layers compute in a dtype, though the embedding may be kept in a narrower one."""
    widen_embedding(base, dtype)
    for layer in (decoder(base).layers, decoder(base).norm):
        for one in layer.parameters():
            if one.is_floating_point():
                one.data = one.data.to(dtype)


def widen_embedding(base: PreTrainedModel, dtype: torch.dtype) -> None:
    """Have a base's embedding give out a dtype, in whichever it is kept."""
    embedding = base.get_input_embeddings()
    embedding.register_forward_hook(lambda _module, _given, found: found.to(dtype))


def _let_go_of_files(base: PreTrainedModel) -> None:
    """Copy what was not quantised: a tensor that is mapped holds its whole file in memory."""
    for one in base.parameters():
        if one.is_floating_point():
            one.data = one.data.clone()


def with_adapter(base: PreTrainedModel, adapter: Adapter, seed: int) -> PeftModel:
    """The base frozen, with a fresh adapter of this seed."""
    return fuse(with_stock_adapter(base, adapter, seed))


def with_stock_adapter(base: PreTrainedModel, adapter: Adapter, seed: int) -> PeftModel:
    """The same as peft computes it, with which ours is compared."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]
        use_rslora=adapter.rank_stabilised,
        target_modules=list(adapter.targets),
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config)


def pack_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Σ weight × negative log-likelihood of a pack's learnt tokens; a scalar with its graph."""
    learnt, head = before_learnt(model, batch)
    return frozen_head_loss(learnt, head, batch.target, batch.weight)


def pack_divergence(model: Any, batch: Batch) -> torch.Tensor:
    """Σ KL(base ‖ model) over what a pack's learnt tokens stand for; a scalar with its graph."""
    with torch.no_grad(), model.disable_adapter():
        taught, _ = before_learnt(model, batch)
    said, head = before_learnt(model, batch)
    return frozen_head_divergence(said, taught, head)


def each_token(model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(m,) the negative log-likelihood of each learnt token, and whether none is likelier."""
    with torch.no_grad():
        learnt, head = before_learnt(model, batch)
        logits = (learnt.to(head.dtype) @ head.T).float()
        picked = logits.gather(1, batch.target[:, None]).squeeze(1)
        return logits.logsumexp(dim=1) - picked, picked >= logits.amax(dim=1)


def before_learnt(model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(m, d) the hidden states that say the learnt tokens, and the (vocabulary, d) head."""
    whole: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    hidden = decoder(whole)(
        input_ids=batch.token,
        position_ids=batch.position,
        attention_mask=None,
        use_cache=False,
        spans=batch.spans,
    ).last_hidden_state
    return hidden[0, batch.before], whole.lm_head.weight
