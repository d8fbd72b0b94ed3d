"""Lessons whose replies are preferred to suggestions, and TRL's trainer on the very same tokens."""

import msgspec
import numpy as np
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from fine_tune.lessons.samples import Speaker
from tests.fine_tune.small_model import FAMILY, encode, lesson

SPEAKER = Speaker(FAMILY, encode)


def judged(number, turns=3, seed=0):
    """A lesson in which the first reply was edited, and the last one shown twice."""
    rng = np.random.default_rng([seed, number, 7])
    one = lesson(number, turns, seed)

    def other(text):
        cut = int(rng.integers(0, len(text)))
        return text[:cut] + "".join(chr(0x4E00 + x) for x in rng.integers(0, 200, 6))

    shown = {0: 1, turns - 1: 2}
    replies = tuple(
        msgspec.structs.replace(
            reply, instead=tuple(other(reply.text) for _ in range(shown.get(place, 0)))
        )
        for place, reply in enumerate(one.replies)
    )
    return msgspec.structs.replace(one, replies=replies)


def rows_of(lessons, speaker=SPEAKER):
    """The pairs as others have them: prompt, chosen, rejected, each as token numbers."""
    rows = []
    for one in lessons:
        history = speaker.history(one.messages)
        for reply in one.replies:
            prompt = [token for message in history[: reply.after] for token in message]
            prompt += speaker.opening(one.messages[reply.after - 1])
            chosen = speaker.reply(reply.text)
            rows += [
                {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": speaker.reply(text)}
                for text in reply.instead
            ]
    return rows


class OfTokens(DPOTrainer):
    """TRL's trainer, given token numbers, so that both learn the same."""

    def _prepare_dataset(self, dataset, *_):
        return dataset


def trainer_of(model, rows, folder, **settings):
    told = {
        "beta": 0.3, "bf16": False, "use_cpu": True, "report_to": "none", "max_length": None,
        "gradient_checkpointing": False, "disable_tqdm": True, "save_strategy": "no",
    }  # fmt: skip
    words = Tokenizer(WordLevel({"[pad]": 0, "[end]": 1}))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="[end]", pad_token="[pad]"
    )
    return OfTokens(
        model=model, args=DPOConfig(str(folder), **told | settings),
        train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
    )  # fmt: skip
