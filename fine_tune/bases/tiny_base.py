"""The tiny base: a Qwen3-shaped model of 7 million parameters that lets every path run in minutes.

A seed and the simulated lender's general text come in; a directory in Hugging Face's layout goes
out. It knows how such text runs and nothing else: a stand-in for tests, never for a customer.

    python -m fine_tune.bases.tiny_base DIR
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen3Config, Qwen3ForCausalLM

from fine_tune.bases.base import TEMPLATE
from fine_tune.bases.tiny_text import encoded, texts, written
from finmodel.assistant.encoder import Encoder
from finmodel.assistant.template import Message
from finmodel.durable import replace_file

VOCABULARY: Final = 6_144
CONTROL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LENGTH, BATCH, RATE, SEED = 512, 8, 1e-2, 20_261_129
Rows = npt.NDArray[np.int64]
TEXT: Final = 10_000_000
"""Bytes that it reads."""
STEPS: Final = 420
_SPLIT: Final = r"\p{N}|\s+|[^\s\p{N}\p{L}]+|\p{Han}{1,4}|\p{L}+"
"""Digits one by one, as Qwen's tokenizer has them; words of at most four ideographs."""
_CHAT: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content "
    "+ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def note(text: str) -> None:
    """Say how far it has come."""
    sys.stderr.write(f"{text}\n")


def make(folder: Path, steps: int = STEPS) -> None:
    """Make the tiny base in a directory; half an hour on two cores."""
    folder.mkdir(parents=True, exist_ok=True)
    read = list(texts(TEXT, SEED))
    replace_file(folder / "tokenizer.json", _tokenizer(map(written, read)).to_str().encode())
    rows = _rows(read, Encoder(folder / "tokenizer.json"))
    note(f"{rows.size:,} tokens of {len(read):,} texts")
    model = _learnt(rows, steps)
    model.bfloat16().save_pretrained(folder, safe_serialization=True)
    replace_file(folder / TEMPLATE, _CHAT.encode())
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
    }
    replace_file(folder / "tokenizer_config.json", json.dumps(settings, indent=2).encode())


def _tokenizer(lines: Iterable[str]) -> Tokenizer:
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern=Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    found.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    found.train_from_iterator(lines, trainer)
    return found


def _rows(read: Iterable[str | tuple[Message, ...]], encode: Encoder) -> Rows:
    """(rows, LENGTH + 1) tokens of all texts, one after the other."""
    end = list(encode(CONTROL[0], True))
    tokens: list[int] = []
    for one in read:
        tokens += [*encoded(one, encode), *end]
    rows = len(tokens) // (LENGTH + 1)
    return np.array(tokens[: rows * (LENGTH + 1)], np.int64).reshape(rows, LENGTH + 1)


def config() -> Qwen3Config:
    """Its shape."""
    return Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=7,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=8_192,
        tie_word_embeddings=True,
        eos_token_id=2,
        pad_token_id=0,
        bos_token_id=None,
    )


def _learnt(rows: Rows, steps: int) -> Qwen3ForCausalLM:
    torch.manual_seed(SEED)
    model = Qwen3ForCausalLM(config())
    optimisers = _optimisers(model)
    order = np.random.default_rng(SEED).permutation(len(rows))
    losses: list[float] = []
    for step in range(min(steps, len(rows) // BATCH)):
        rate = RATE * min((step + 1) / 30, 1.25 * (1 - step / steps), 1.0)
        for group in (group for one in optimisers for group in one.param_groups):
            group["lr"] = rate
        losses.append(_step(model, optimisers, rows[order[step * BATCH : (step + 1) * BATCH]]))
        if step % 20 == 19:
            note(f"step {step + 1} of {steps}: loss {np.mean(losses[-20:]):.3f}")
    model.eval()  # type: ignore[no-untyped-call]
    return model


def _optimisers(model: Qwen3ForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, which learns in fewer steps; AdamW for all else."""
    matrices = [one for one in model.model.layers.parameters() if one.dim() == 2]
    taken = {id(one) for one in matrices}
    rest = [one for one in model.parameters() if id(one) not in taken]
    return [
        torch.optim.Muon(matrices, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, weight_decay=0.05, fused=True),
    ]


def _step(model: Qwen3ForCausalLM, optimisers: list[torch.optim.Optimizer], rows: Rows) -> float:
    tokens = torch.from_numpy(rows)
    hidden = model.model(tokens[:, :-1]).last_hidden_state
    logits = hidden.flatten(0, 1) @ model.lm_head.weight.T
    loss = torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())
    model.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
    return float(loss.detach())


def main() -> None:
    """Make it where the command line says."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("folder", type=Path)
    words.add_argument("--steps", type=int, default=STEPS)
    told = words.parse_args()
    make(told.folder, told.steps)


if __name__ == "__main__":
    main()
