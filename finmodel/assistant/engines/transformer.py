"""transformers in this process: a base's directory, with PEFT's adapters switched by request.

A model comes in, or the directory of one; replies go out, a token at a time. It is the engine of a
GPU, and on a CPU the one whose likelihoods training knows; code of a model's own is never run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, DynamicCache

from finmodel.assistant.engines.engine import (
    Asked,
    Laid,
    Read,
    Spoken,
    Wording,
    limited,
    refuse_grammar,
    require_all_of,
    require_known,
)


class Transformer:
    """A model of transformers, one request at a time."""

    name = "transformers"
    grammars = False
    keeps = False

    def __init__(self, model: Any, spoken: Spoken) -> None:
        """A causal model, or one under PEFT with adapters by name."""
        self._model, self._spoken = model, spoken
        self._adapters = tuple(getattr(model, "peft_config", ()))
        self._alone = threading.Lock()

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The reply in pieces."""
        require_known(asked.adapter, self._adapters, self.name)
        refuse_grammar(asked, self.name)
        return limited(self._pieces(asked), asked)

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def _pieces(self, asked: Asked) -> Generator[str, None, None]:
        decode = self._spoken.encode.decode
        out: list[int] = []
        said = ""
        with self._alone, self._laid(asked.adapter):
            for token in write_tokens(self._model, self._spoken, asked):
                if asked.tell is not None and not out:
                    asked.tell(Read(len(self._spoken.prompt(asked)), 0))
                out.append(token)
                text = decode(out)
                if not text.endswith("\ufffd"):  # a character's first bytes
                    yield text[len(said) :]
                    said = text

    def _laid(self, adapter: str) -> Any:
        """The adapter of this name over the base, or none."""
        if not self._adapters:
            return nullcontext()
        if not adapter:
            return self._model.disable_adapter()
        self._model.set_adapter(adapter)
        return nullcontext()


def open_transformer(
    folder: Path,
    spoken: Spoken,
    adapters: Mapping[str, Laid] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Transformer:
    """A base from its directory, on the GPU where there is one.

    BadInput where an adapter belongs to another base.
    """
    laid = dict(adapters or {})
    require_all_of(spoken.digest, laid)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
    )
    if torch.cuda.is_available():
        model = model.to("cuda")
    for place, (name, one) in enumerate(laid.items()):
        if place == 0:
            model = PeftModel.from_pretrained(model, one.path, adapter_name=name)
        else:
            model.load_adapter(one.path, adapter_name=name)
    return Transformer(model.eval(), spoken)


def write_tokens(model: Any, spoken: Spoken, asked: Asked) -> Iterator[int]:
    """The tokens of a reply by a model as it stands, up to what ends one in its family.

    Where it has a wording to keep to, a token that would leave it is never chosen.
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    stop = spoken.encode(spoken.family.stop, True)[0]
    device = next(whole.parameters()).device
    step = torch.tensor([spoken.prompt(asked)], device=device)
    cache, head = DynamicCache(), whole.get_output_embeddings()
    chance = torch.Generator(device=device).manual_seed(asked.seed)
    out: list[int] = []
    fits = None if asked.wording is None else _kept(asked.wording, spoken, out, stop)
    with _plain_attention(whole):
        for _ in range(asked.most):
            with torch.no_grad():
                hidden = whole.model(step, cache=cache, use_cache=True).last_hidden_state[:, -1]
                scores = head(hidden.to(head.weight.dtype))[0]
                token = _next(scores, asked.temperature, chance, fits)
            if token in (stop, None):
                return
            out.append(token)
            yield token
            step = torch.tensor([[token]], device=device)


def write_many(model: Any, spoken: Spoken, asked: Sequence[Asked]) -> list[list[int]]:
    """The likeliest tokens of a reply to each, all written at once: a token costs one look at the
    weights however many replies want one.
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    stop = spoken.encode(spoken.family.stop, True)[0]
    device = next(whole.parameters()).device
    prompts = [spoken.prompt(one) for one in asked]
    widest = max(map(len, prompts))
    # Filled on the left, so that the last place of every row is its newest token.
    left = torch.tensor([widest - len(one) for one in prompts], device=device)
    step = torch.tensor([[stop] * (widest - len(one)) + one for one in prompts], device=device)
    place = (torch.arange(widest, device=device)[None] - left[:, None]).clamp(min=0)
    seen = torch.arange(widest, device=device)[None] >= left[:, None]
    cache, head = DynamicCache(), whole.get_output_embeddings()
    found: list[list[int]] = [[] for _ in asked]
    writing = set(range(len(asked)))
    with _plain_attention(whole), torch.no_grad():
        while writing:
            hidden = whole.model(
                step, attention_mask=seen, position_ids=place, cache=cache, use_cache=True
            ).last_hidden_state[:, -1]
            likeliest = head(hidden.to(head.weight.dtype)).argmax(dim=1)
            for row in tuple(writing):
                token = int(likeliest[row])
                if token != stop:
                    found[row].append(token)
                if token == stop or len(found[row]) == asked[row].most:
                    writing.discard(row)
            step, place = likeliest[:, None], place[:, -1:] + 1
            seen = torch.cat([seen, seen.new_ones(len(asked), 1)], dim=1)
    return found


_Fits = Callable[[int], bool]


def _kept(wording: Wording, spoken: Spoken, out: list[int], stop: int) -> _Fits:
    """Whether a token may follow what is out: a figure's last byte, too, is seen as the figure."""
    decode = spoken.encode.decode

    def fits(token: int) -> bool:
        if token == stop:
            return wording.ends(decode(out))
        return bool(decode([token])) and wording.begins(decode([*out, token]))

    return fits


def _next(
    logits: torch.Tensor, temperature: float, chance: torch.Generator, fits: _Fits | None = None
) -> int | None:
    """The likeliest token, or one by chance, as if what does not fit were impossible; None of none.

    The largest of scores with Gumbel's noise is a sample of their softmax, the next largest one of
    what is left (Gumbel 1954, Statistical Theory of Extreme Values).
    """
    if temperature <= 0.0:
        keys = logits
    elif fits is None:
        share = torch.softmax(logits.float() / temperature, dim=0)
        return int(torch.multinomial(share, 1, generator=chance))
    else:
        wait = torch.empty_like(logits, dtype=torch.float32).exponential_(generator=chance)
        keys = logits.float() / temperature - wait.log()
    first = int(keys.argmax())
    if fits is None or fits(first):
        return first
    return next((token for token in keys.argsort(descending=True).tolist() if fits(token)), None)


@contextmanager
def _plain_attention(model: Any) -> Iterator[None]:
    """Attention of one conversation, for a model that is being trained on packs of many."""
    before = model.config._attn_implementation
    if before in ("sdpa", "eager"):
        yield
        return
    model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
