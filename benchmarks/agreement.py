"""A tuned adapter in llama.cpp beside PEFT in transformers: `finmodel bench agreement --json`.

The adapter (`--adapter NAME[/VERSION]`, of a base that `finmodel base get` brought) is written as
GGUF and laid over the base's own GGUF. llama.cpp answers held-out conversations greedily and tells
its probabilities at every token; transformers, in float32, reads the very same tokens. `same_top`
is the share of positions with the same likeliest token, `mean_kl` the mean divergence in nats of
llama.cpp's probabilities from PEFT's over llama.cpp's `TOP` likeliest words and all others as one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import xllamacpp
from _report import note, print_report
from peft import PeftModel

from fine_tune.judging.suites import asked_of
from fine_tune.lessons.prepare import prepare
from fine_tune.lessons.samples import Lesson
from fine_tune.network.model import load_base
from fine_tune.training.export import write_gguf
from finmodel import tracking
from finmodel.adapters import KIND
from finmodel.assistant.engines.engine import Asked
from finmodel.lender.talk.conversations import write
from finmodel.privacy.masks import masked
from finmodel.settings import Settings
from serving.bases import hush_peft
from serving.evaluation_targets import Target, targets_of

CONVERSATIONS, SEED = 1_200, 1
TOP = 2_000
"""Words whose probabilities llama.cpp is asked for."""
MOST = 48
"""Tokens of a reply."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reply of llama.cpp, and how sure it was of each token."""

    prompt: list[int]
    reply: list[int]
    words: np.ndarray[Any, np.dtype[np.int64]]
    """(n, TOP) its likeliest words at each token of the reply, the likeliest first."""
    logprobs: np.ndarray[Any, np.dtype[np.float64]]


def said_by_llama_cpp(gguf: Path, adapter: Path, prompts: list[list[int]]) -> list[Said]:
    """Greedy replies with their probabilities."""
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = str(gguf), 4096, 1
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(params)
    found = []
    for number, prompt in enumerate(prompts):
        told = server.handle_completions(
            {"prompt": prompt, "max_tokens": MOST, "logprobs": TOP, "temperature": 0.0}
        )
        rows = told["choices"][0]["logprobs"]["content"]
        tops = [row["top_logprobs"] for row in rows]
        words = np.array([[one["id"] for one in top] for top in tops])
        likely = np.array([[one["logprob"] for one in top] for top in tops])
        found.append(Said(prompt, words[:, 0].tolist(), words, likely))
        note(f"reply {number + 1} of {len(prompts)}: {len(rows)} tokens")
    return found


def divergence(said: Said, theirs: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n,) KL of llama.cpp from PEFT's (n, vocabulary) logprobs, the unlisted words as one."""
    mine = theirs.gather(1, torch.from_numpy(said.words)).double().numpy()
    rest = [np.clip(1.0 - np.exp(one).sum(axis=1), 1e-12, 1.0) for one in (mine, said.logprobs)]
    listed = (np.exp(mine) * (mine - said.logprobs)).sum(axis=1)
    found: np.ndarray[Any, np.dtype[np.float64]] = listed + rest[0] * np.log(rest[0] / rest[1])
    return found


def read_by_peft(model: Any, said: Said) -> torch.Tensor:
    """(n, vocabulary) logprobs of what stands at each token of a reply."""
    token = torch.tensor([said.prompt + said.reply[:-1]])
    with torch.no_grad():
        logits = model(token, logits_to_keep=len(said.reply)).logits[0]
    found: torch.Tensor = logits.log_softmax(dim=-1)
    return found


def measure(target: Target, folder: Path, lessons: list[Lesson]) -> dict[str, Any]:
    """How far the two agree."""
    base, gguf = target.base, target.gguf
    if base is None or gguf is None:
        raise SystemExit("its base has no GGUF on the shelf: finmodel base get qwen2.5-coder-1.5b")
    prompts = [
        base.spoken.prompt(Asked(tuple(one.messages[: one.replies[0].after]))) for one in lessons
    ]
    with TemporaryDirectory() as aside:
        adapter = write_gguf(folder, base, Path(aside) / "adapter.gguf")
        replies = said_by_llama_cpp(gguf, adapter, prompts)
    bare = load_base(base.folder, torch.float32)
    bare.set_attn_implementation("sdpa")
    model: Any = PeftModel.from_pretrained(bare, folder).eval()
    same, apart = [], []
    for number, said in enumerate(replies):
        theirs = read_by_peft(model, said)
        same.append(theirs.argmax(dim=1).numpy() == said.words[:, 0])
        apart.append(divergence(said, theirs))
        note(f"read {number + 1} of {len(replies)}")
    agreed, far = np.concatenate(same), np.concatenate(apart)
    return {
        "same_top": float(agreed.mean()),
        "mean_kl": float(far.mean()),
        "worst_kl": float(far.max()),
        "positions": len(agreed),
        "replies": len(replies),
        "adapter": target.label,
    }


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.add_argument("--adapter", default="service_scripts_1b")
    words.add_argument("--replies", type=int, default=24)
    told = words.parse_args()
    hush_peft()
    here = Settings.from_env()
    target = targets_of(here, [told.adapter], "")[0]
    talks = [one.conversation for one in write(CONVERSATIONS, SEED)]
    lessons = list(asked_of(prepare(talks, masked, needed="test").lessons["test"], told.replies))
    with tracking.brought(here, target.run, KIND) as folder:
        print_report("agreement", measure(target, folder, lessons))


if __name__ == "__main__":
    main()
