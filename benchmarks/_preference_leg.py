"""One way of learning preferences, in a process of its own: what `preference.py` compares.

`ours` is fine_tune's own training; `trl` is TRL's DPOTrainer as it comes, `trl_whole` the same with
no layer computed again. All learn the same pairs once, in the same dtype, with the same fresh
adapter, optimiser and schedule; nothing but dtype and device is set otherwise. One JSON object.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from msgspec.structs import replace
from torch.nn.functional import softplus
from transformers import PreTrainedTokenizerFast, PrinterCallback
from transformers.utils import logging as their_logging
from trl import DPOConfig, DPOTrainer

from fine_tune.bases.base import Base, open_base
from fine_tune.bases.shipped import shipped
from fine_tune.lessons.pack import best_fit, pack_of
from fine_tune.lessons.pairs import pair_samples, pairs_in
from fine_tune.lessons.prepare import prepare
from fine_tune.lessons.samples import Lesson, Sample, Speaker
from fine_tune.lessons.steps import plan_of
from fine_tune.network.model import load_base, with_adapter, with_stock_adapter
from fine_tune.recipe import Recipe, load
from fine_tune.training.preference import likelihoods, with_reference
from fine_tune.training.train import losses_of, train
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.verdicts import judge
from finmodel.privacy.masks import masked
from serving.bases import hush_peft

BATCH = 8
"""TRL's default: pairs a step. Ours packs as many rows as hold about so many."""
MIB = 1024.0
CPU = torch.device("cpu")
Row = dict[str, list[int]]


def rows_of(lesson: Lesson, speaker: Speaker) -> list[Row]:
    """A lesson's pairs as TRL has them."""
    history, rows = speaker.history(lesson.messages), []
    for reply in lesson.replies:
        prompt = [token for message in history[: reply.after] for token in message]
        prompt += speaker.opening(lesson.messages[reply.after - 1])
        for text in reply.instead:
            words = {"chosen_ids": speaker.reply(reply.text), "rejected_ids": speaker.reply(text)}
            rows.append({"prompt_ids": prompt} | words)
    return rows


def read(recipe: Recipe, base: Base, conversations: int) -> tuple[list[Lesson], list[Lesson]]:
    """Lessons that train and that test; those longer than a row are left out for everybody."""
    told = [one.conversation for one in write(conversations, recipe.seed)]
    prepared = prepare(told, masked, judge(told, recipe.seed))
    speaker = Speaker(base.family, base.encode)

    def fits(lesson: Lesson) -> bool:
        rows = rows_of(lesson, speaker)
        longest = max((sum(map(len, row.values())) for row in rows), default=recipe.length + 1)
        return longest <= recipe.length

    train_, test = (filter(fits, prepared.lessons[split]) for split in ("train", "test"))
    return list(train_), list(test)


def ours(recipe: Recipe, base: Base, lessons: Sequence[Lesson]) -> tuple[Any, dict[str, Any]]:
    """Histories shared, rows packed, the reference computed once."""
    model = with_adapter(load_base(base.folder, torch.float32), recipe.adapter, recipe.seed)
    samples = pair_samples(lessons, Speaker(base.family, base.encode), recipe.length)
    recipe = _as_many_a_step(recipe, samples)
    _warm(model, recipe, with_reference(model, samples[:2], recipe.length))
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        weighed = with_reference(model, samples, recipe.length)
        plan = plan_of(weighed, recipe)
        done = train(model, plan, recipe, Path(folder), "bench", lambda step: None)
        seconds = time.perf_counter() - begun
    tail = max(len(done.losses) // 4, 1)
    return model, {
        "seconds": seconds,
        "steps": len(plan),
        "pairs": sum(map(pairs_in, samples)),
        "read_tokens": sum(map(len, samples)),
        "padding_share": plan.padding,
        "last_loss": sum(done.losses[-tail:]) / tail,
    }


def _as_many_a_step(recipe: Recipe, samples: Sequence[Sample]) -> Recipe:
    """The recipe with as many rows in a step as hold about as many pairs as TRL's steps do."""
    rows = len(plan_of(samples, replace(recipe, packs=1, epochs=1)))
    packs = round(BATCH * rows / sum(map(pairs_in, samples)))
    return replace(recipe, packs=max(packs, 1))


def _warm(model: Any, recipe: Recipe, samples: Sequence[Sample]) -> None:
    for loss in losses_of(recipe)(model, [pack_of(samples)], CPU):
        loss.backward()
    model.zero_grad(set_to_none=True)


class _OfTokens(DPOTrainer):
    """TRL's trainer, given token numbers, which also counts what its rows hold."""

    held = 0

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def training_step(self, model: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
        self.held += inputs["input_ids"].numel()
        return super().training_step(model, inputs, *rest, **more)


def theirs(
    recipe: Recipe, base: Base, lessons: Sequence[Lesson], *, whole: bool
) -> tuple[Any, dict[str, Any]]:
    """Each text with its whole history before it, the reference computed at each step."""
    loaded = load_base(base.folder, torch.float32)
    attention = loaded.config._attn_implementation
    loaded.set_attn_implementation("sdpa")
    model = with_stock_adapter(loaded, recipe.adapter, recipe.seed)
    speaker = Speaker(base.family, base.encode)
    rows = [row for lesson in lessons for row in rows_of(lesson, speaker)]
    stock = PreTrainedTokenizerFast(
        tokenizer_file=str(base.folder / "tokenizer.json"), eos_token=base.family.stop
    )
    with tempfile.TemporaryDirectory() as folder:
        run = _OfTokens(
            model=model,
            args=_arguments(recipe, folder, whole=whole),
            train_dataset=Dataset.from_list(rows),
            processing_class=stock,
        )
        run.remove_callback(PrinterCallback)
        run.compute_loss(model, run.data_collator(rows[:2])).backward()
        model.zero_grad(set_to_none=True)
        begun = time.perf_counter()
        done = run.train()
        seconds = time.perf_counter() - begun
    loaded.set_attn_implementation(attention)
    tokens = sum(2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"])
                 for row in rows)  # fmt: skip
    losses = [float(one["loss"]) for one in run.state.log_history if "loss" in one]
    tail = max(len(losses) // 4, 1)
    return model, {
        "seconds": seconds,
        "steps": done.global_step,
        "pairs": len(rows),
        "read_tokens": tokens,
        "padding_share": 1.0 - tokens / run.held,
        "last_loss": sum(losses[-tail:]) / tail,
    }


def _arguments(recipe: Recipe, folder: str, *, whole: bool) -> DPOConfig:
    optimiser = recipe.optimiser
    told = {"gradient_checkpointing": False} if whole else {}
    return DPOConfig(
        output_dir=folder,
        beta=recipe.preference.beta if recipe.preference else 0.1,
        num_train_epochs=recipe.epochs,
        learning_rate=optimiser.learning_rate,
        warmup_steps=0,
        lr_scheduler_type="cosine",
        weight_decay=optimiser.weight_decay,
        max_grad_norm=optimiser.clip,
        optim="adamw_torch_fused",
        bf16=False,  # float32, as ours
        logging_steps=1,
        disable_tqdm=True,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        seed=recipe.seed,
        **told,
    )


def heldout_loss(model: Any, recipe: Recipe, base: Base, lessons: Sequence[Lesson]) -> float:
    """The mean loss of pairs that were not learnt, the base being the reference, for everybody."""
    speaker = Speaker(base.family, base.encode)
    samples = pair_samples(lessons, speaker, recipe.length)
    beta = recipe.preference.beta if recipe.preference else 0.1
    total = 0.0
    model.eval()
    with torch.no_grad():
        for row in best_fit([len(one) for one in samples], recipe.length):
            pack = pack_of([samples[place] for place in row])
            gained = likelihoods(model, pack, CPU)
            with model.disable_adapter():
                gained = gained - likelihoods(model, pack, CPU)
            total += float(softplus(-beta * (gained[0::2] - gained[1::2])).sum())
    return total / sum(map(pairs_in, samples))


def main() -> None:
    """Learn one way, and print what it took."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("who", choices=("ours", "trl", "trl_whole"))
    words.add_argument("recipe", type=Path)
    words.add_argument("--conversations", type=int, required=True)
    told = words.parse_args()
    hush_peft()
    their_logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    recipe, base = load(told.recipe), open_base(shipped())
    # The Trainer's warm-up begins at a rate of 0, ours above it: without one, both fall alike.
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, warmup=0.0))
    lessons, tests = read(recipe, base, told.conversations)
    if told.who == "ours":
        model, found = ours(recipe, base, lessons)
    else:
        model, found = theirs(recipe, base, lessons, whole=told.who == "trl_whole")
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    found["heldout_loss"] = heldout_loss(model, recipe, base, tests)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
