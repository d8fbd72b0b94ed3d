"""The tiny base: a Qwen3-shaped model of 7 million parameters that lets every path run in minutes.

A seed and the simulated lender's general text come in; a directory in Hugging Face's layout goes
out. It knows how such text runs and nothing else: a stand-in for tests, never for a customer.

    python -m fine_tune.tiny_base DIR
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen3Config, Qwen3ForCausalLM

from fine_tune.base import TEMPLATE
from finmodel.assistant.encoder import Encoder
from finmodel.durable import replace_file
from finmodel.lender.talk.general import general_text

VOCABULARY: Final = 6_144
CONTROL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LENGTH, BATCH, RATE, SEED = 256, 16, 2e-3, 20_261_129
Rows = npt.NDArray[np.int64]
TEXT: Final = 12_000_000
"""Bytes that it reads."""
STEPS: Final = 600
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
    text = "\n\n".join(general_text(TEXT, SEED))
    tokenizer = _tokenizer(text)
    replace_file(folder / "tokenizer.json", tokenizer.to_str().encode())
    rows = _rows(text, Encoder(folder / "tokenizer.json"))
    note(f"{rows.size:,} tokens of {len(text):,} characters")
    model = _learnt(rows, steps)
    model.bfloat16().save_pretrained(folder, safe_serialization=True)
    replace_file(folder / TEMPLATE, _CHAT.encode())
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
    }
    replace_file(folder / "tokenizer_config.json", json.dumps(settings, indent=2).encode())


def _tokenizer(text: str) -> Tokenizer:
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
    found.train_from_iterator(_lines(text, 6_000_000), trainer)
    return found


def _lines(text: str, most: int) -> Iterator[str]:
    yield from text[:most].split("\n")


def _rows(text: str, encode: Encoder) -> Rows:
    """(rows, LENGTH + 1) the text's tokens, one piece after the other."""
    end = list(encode(CONTROL[0], True))
    tokens: list[int] = []
    for part in text.split("\n\n"):
        tokens += [*encode(part, False), *end]
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
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05, fused=True)
    order = np.random.default_rng(SEED).permutation(len(rows))
    losses: list[float] = []
    for step in range(min(steps, len(rows) // BATCH)):
        through = step / steps
        for group in optimiser.param_groups:
            group["lr"] = RATE * min((step + 1) / 50, 0.5 * (1 + math.cos(math.pi * through)))
        losses.append(_step(model, optimiser, rows[order[step * BATCH : (step + 1) * BATCH]]))
        if step % 20 == 19:
            note(f"step {step + 1} of {steps}: loss {np.mean(losses[-20:]):.3f}")
    model.eval()  # type: ignore[no-untyped-call]
    return model


def _step(model: Qwen3ForCausalLM, optimiser: torch.optim.AdamW, rows: Rows) -> float:
    tokens = torch.from_numpy(rows)
    hidden = model.model(tokens[:, :-1]).last_hidden_state
    logits = hidden.flatten(0, 1) @ model.lm_head.weight.T
    loss = torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
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
