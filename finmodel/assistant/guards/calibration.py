"""The inbound classifier fitted to a lender's traffic: each category alarms equally rarely.

What a lender's customers write every day comes in, an offset for each category and a threshold go
out. One lender's customers ask about merchants and refunds, another's about instalments: what is
rare and grave must not pay for what is asked daily. No word is learnt, no text is kept. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from finmodel.assistant.byte_weights import softmax
from finmodel.assistant.guards.classifier import SHORTEST, Classifier, Kept
from finmodel.assistant.guards.inbound import asked
from finmodel.assistant.guards.normal import normalise
from finmodel.errors import BadInput, Damaged

LEAST: Final = 500
"""Fewer messages say nothing of what is rare."""
_RARE: Final = 0.003
"""The share of messages above which a category's alarms are made equally rare."""
_MOST: Final = 3.0
"""An offset of log-odds is no larger: no category is silenced, or told of everything."""

GRAVE: Final = frozenset({"self_harm", "violence"})
"""Whatever is told of these as shipped stays told, however often customers' words come near."""


class Calibration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What ordinary messages gave, for the weights of one release."""

    weights: str
    """SHA-256 of the file that it was made for."""
    offsets: dict[str, float]
    """Added to a category's log-odds."""
    threshold: float
    """From this probability of not being nothing on, a category is told; never above the shipped
    one."""
    messages: int
    """So many gave it."""
    told: float
    """The share of them that is told."""
    told_before: float
    """The share that the shipped classifier tells."""


def calibrate(model: Classifier, weights: str, texts: Sequence[str], told: float) -> Calibration:
    """Offsets and a threshold by which `told` of ordinary messages are told; they are as written.

    What is not ordinary should be left out before; what is said twice counts once. The log-odds
    against `nothing` that 0.3 % of them exceed in a category are moved to the median of all
    categories', and the threshold is then chosen, but never above the shipped one: more is told
    then. BadInput for fewer than 500.
    """
    known = dict.fromkeys(normalise(text).text for text in texts)
    plain = [one for one in known if len(one) >= SHORTEST]
    if len(plain) < LEAST:
        raise BadInput(
            f"{len(plain)} different messages that can be weighed, {LEAST} are needed",
            where="guards calibrate",
            remedy="give a week of ordinary messages, one a line",
        )
    logits = np.array([model.logits(one) for one in plain])
    rare = np.quantile(_odds(logits + model.bias), 1.0 - _RARE, axis=0)
    names = model.categories[1:]
    least = [0.0 if name in GRAVE else -_MOST for name in names]
    moves = np.clip(np.round(np.median(rare) - rare, 1), least, _MOST)
    likely = _likely(logits + _moved(model, moves))
    threshold = min(float(np.quantile(likely, 1.0 - told, method="higher")), model.threshold)
    return Calibration(
        weights=weights,
        offsets=dict(zip(names, moves.tolist(), strict=True)),
        threshold=threshold,
        messages=len(plain),
        told=float(np.mean(likely >= threshold)),
        told_before=float(np.mean(_likely(logits + model.bias) >= model.threshold)),
    )


def calibrated(model: Classifier, weights: str, given: Calibration) -> Classifier:
    """The classifier with its offsets and threshold; Damaged where they are of other weights."""
    if given.weights != weights or set(given.offsets) != set(model.categories[1:]):
        raise Damaged(
            "it was made for the weights of another release",
            where="the guards' calibration",
            remedy="run finmodel guards calibrate again",
        )
    moves = np.array([given.offsets[name] for name in model.categories[1:]])
    kept = Kept(model.bias, model.threshold, GRAVE)
    return replace(model, bias=_moved(model, moves), threshold=given.threshold, kept=kept)


def _moved(model: Classifier, moves: NDArray[np.float64]) -> NDArray[np.float32]:
    """The bias with offsets of all categories but `nothing`."""
    found: NDArray[np.float32] = model.bias + np.array([0.0, *moves], np.float32)
    return found


def is_ordinary(text: str) -> bool:
    """Whether no rule finds anything in a message; as written.

    >>> is_ordinary("花呗怎么还款"), is_ordinary("我要投诉你们")
    (True, False)
    """
    return all(one.by != "rule" for one in asked(text))


def log_odds(model: Classifier, text: str) -> NDArray[np.float64]:
    """(categories − 1,) of a normalised text: each category's against `nothing`."""
    return _odds(model.logits(text) + model.bias)


def _odds(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Along the last axis, each category's against the first."""
    return logits[..., 1:].astype(np.float64) - logits[..., :1]


def _likely(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """(texts,) how likely each is not `nothing`, as the classifier says it."""
    return 1.0 - softmax(logits)[:, 0].astype(np.float64)
