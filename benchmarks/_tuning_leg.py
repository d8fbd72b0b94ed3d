"""One way of tuning, in a process of its own: what `lora.py` compares.

`ours` is fine_tune's own training; `trainer` is transformers.Trainer with peft, `--batch` samples a
step, its rows grouped by length. Both learn the same replies of the same conversations once, by the
same adapter, optimiser and schedule. One JSON object goes out.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments
from transformers.utils import logging as their_logging

from fine_tune.bases.base import Base, open_base
from fine_tune.judging.evaluate import lesson_samples, mean_loss
from fine_tune.lessons.prepare import Prepared, prepare
from fine_tune.lessons.samples import Sample
from fine_tune.lessons.steps import plan_of
from fine_tune.network.layers import recompute
from fine_tune.network.model import load_base, with_adapter, with_stock_adapter
from fine_tune.recipe import Recipe, load
from fine_tune.training.train import train
from finmodel.lender.talk.conversations import write
from finmodel.privacy.masks import masked
from serving.bases import hush_peft

MIB = 1024.0
NEVER = 10**9


class Rows(Dataset[dict[str, Any]]):
    """Samples as the Trainer takes them."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: int) -> dict[str, Any]:
        one = self.samples[place]
        token = torch.from_numpy(one.token).long()
        learnt = torch.from_numpy(one.learnt) > 0
        return {"input_ids": token, "labels": token.where(learnt, -100), "length": len(one)}


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Rows filled to the longest."""
    filled = torch.nn.utils.rnn.pad_sequence
    token = [row["input_ids"] for row in rows]
    return {
        "input_ids": filled(token, batch_first=True),
        "labels": filled([row["labels"] for row in rows], batch_first=True, padding_value=-100),
        "attention_mask": filled([torch.ones_like(one) for one in token], batch_first=True),
    }


def ours(recipe: Recipe, base: Base, prepared: Prepared, *, again: bool) -> dict[str, Any]:
    """Histories shared, rows packed, learnt tokens alone through the head."""
    samples = lesson_samples(prepared.lessons["train"], base, recipe.length)
    plan = plan_of(samples, recipe)
    loaded = load_base(base.folder, _dtype(recipe))
    model = with_adapter(loaded, recipe.adapter, recipe.seed)
    recompute(model, model.config.num_hidden_layers if again else 0)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        train(model, plan, recipe, Path(folder), "bench", _told(len(plan)))
        seconds = time.perf_counter() - begun
    return _figures(model, recipe, base, prepared) | {
        "seconds": seconds,
        "steps": len(plan),
        "padding_share": plan.padding,
        **_counts(samples, recipe),
    }


def trainer(
    recipe: Recipe, base: Base, prepared: Prepared, batch: int, *, again: bool
) -> dict[str, Any]:
    """A sample for each reply, its whole history before it, every token through the head."""
    samples = lesson_samples(prepared.lessons["train"], base, recipe.length, shared=False)
    loaded = load_base(base.folder, _dtype(recipe))
    ours_attention = loaded.config._attn_implementation
    loaded.set_attn_implementation("sdpa")
    model = with_stock_adapter(loaded, recipe.adapter, recipe.seed)
    if again:
        model.enable_input_require_grads()
    with tempfile.TemporaryDirectory() as folder:
        run = _Marked(
            model=model,
            args=_arguments(recipe, batch, folder, again=again),
            train_dataset=Rows(samples),
            data_collator=collate,
        )
        with contextlib.redirect_stdout(sys.stderr):  # it prints its losses
            done = run.train()
    loaded.set_attn_implementation(ours_attention)
    return _figures(model, recipe, base, prepared) | {
        "seconds": done.metrics["train_runtime"],
        "steps": done.global_step,
        "padding_share": 1.0 - _counts(samples, recipe)["read_tokens"] / run.held,
        **_counts(samples, recipe),
    }


class _Marked(Trainer):
    """The Trainer, which also counts what its rows hold."""

    held = 0

    def training_step(self, model: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
        self.held += inputs["input_ids"].numel()
        return super().training_step(model, inputs, *rest, **more)


def _arguments(recipe: Recipe, batch: int, folder: str, *, again: bool) -> TrainingArguments:
    optimiser = recipe.optimiser
    return TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=batch,
        num_train_epochs=recipe.epochs,
        learning_rate=optimiser.learning_rate,
        warmup_steps=optimiser.warmup,
        lr_scheduler_type="cosine",
        weight_decay=optimiser.weight_decay,
        max_grad_norm=optimiser.clip,
        optim="adamw_torch_fused",
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        gradient_checkpointing=again,
        remove_unused_columns=False,
        logging_steps=10,
        disable_tqdm=True,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        seed=recipe.seed,
    )


def _dtype(recipe: Recipe) -> torch.dtype:
    found: torch.dtype = getattr(torch, recipe.dtype or "float32")
    return found


def _counts(samples: Sequence[Sample], recipe: Recipe) -> dict[str, float]:
    """Tokens that were read and learnt in all epochs."""
    return {
        "read_tokens": sum(map(len, samples)) * recipe.epochs,
        "supervised_tokens": sum(int((one.learnt > 0).sum()) for one in samples) * recipe.epochs,
    }


def _figures(model: Any, recipe: Recipe, base: Base, prepared: Prepared) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    held_out = lesson_samples(prepared.lessons["test"], base, recipe.length)
    return {"peak_mib": peak, "heldout_loss": mean_loss(model, held_out, recipe.length)}


def _prepared(conversations: int, lessons: int, held_out: int, seed: int) -> Prepared:
    """The first lessons to learn and those to judge by, of so many conversations."""
    whole = prepare([one.conversation for one in write(conversations, seed)], masked)
    train, test = whole.lessons["train"][:lessons], whole.lessons["test"][:held_out]
    return dataclasses.replace(whole, lessons={"train": train, "test": test})


def _told(steps: int) -> Any:
    def report(step: Any) -> None:
        if step.number % 10 == 0:
            sys.stderr.write(f"step {step.number} of {steps}: loss {step.loss:.3f}\n")

    return report


def main() -> None:
    """Tune one way, and print what it took."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("who", choices=("ours", "trainer"))
    words.add_argument("recipe", type=Path)
    words.add_argument("base", type=Path)
    words.add_argument("--conversations", type=int, required=True)
    words.add_argument("--batch", type=int, default=1)
    words.add_argument("--recompute", action="store_true")
    words.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    words.add_argument("--lessons", type=int, required=True, help="of them, so many are learnt")
    words.add_argument("--held-out", type=int, required=True, help="so many judge both")
    told = words.parse_args()
    hush_peft()
    their_logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    base = open_base(told.base)
    recipe = load(told.recipe)
    same = msgspec.structs.replace(recipe.optimiser, b_ratio=1.0)  # the Trainer has one rate
    recipe = msgspec.structs.replace(recipe, optimiser=same, save_every=NEVER, dtype=told.dtype)
    prepared = _prepared(told.conversations, told.lessons, told.held_out, recipe.seed)
    found = (
        ours(recipe, base, prepared, again=told.recompute)
        if told.who == "ours"
        else trainer(recipe, base, prepared, told.batch, again=told.recompute)
    )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
