"""General text as samples: what a model must not forget while it learns replies.

Texts and a tokenizer come in, samples of which every token but the first is learnt go out: one for
each text, or rows of one size for a run to rehearse. Knows no torch and no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fine_tune.lessons.samples import Sample
from finmodel.assistant.template import Encode


def text_samples(texts: Iterable[str], encode: Encode, length: int) -> list[Sample]:
    """Each text, cut after `length` tokens; one of a single token says nothing."""
    encoded = (encode(text, False)[:length] for text in texts)
    return [_sample(tokens) for tokens in encoded if len(tokens) > 1]


def rehearsals(texts: Iterable[str], encode: Encode, size: int) -> list[Sample]:
    """All texts one after the other, in rows of `size` tokens; what is left over is left out.

    None of size 0.
    """
    if not size:
        return []
    whole = encode("\n".join(texts), False)
    return [_sample(whole[begin : begin + size]) for begin in range(0, len(whole) - size + 1, size)]


def _sample(tokens: Sequence[int]) -> Sample:
    learnt = np.ones(len(tokens), np.float32)
    learnt[0] = 0.0
    return Sample(
        token=np.array(tokens, np.int32),
        position=np.arange(len(tokens), dtype=np.int32),
        branch=np.zeros(len(tokens), np.int32),
        forks=np.array([len(tokens)], np.int32),
        learnt=learnt,
    )
