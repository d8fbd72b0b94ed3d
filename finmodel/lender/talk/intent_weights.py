"""Learns which intent a customer's words have, and writes the weights that the ranker ships.

Conversations of the training split come in, in the simulator's families and in the further ones;
an npz goes out, the same for the same words on the same machine. A tenth of the families is held
back: by those of the simulator alone the part of BM25 is chosen; what is written has learnt of all.
The score that counts as confident is chosen by conversations of the validation split, of which
nothing is learnt: whoever wrote the further families knew the training split. No test phrasing is
read.

python -m finmodel.lender.talk.intent_weights      write finmodel/assistant/matching's file again
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from scipy.sparse import csr_matrix

from finmodel.assistant.intents import load_intents
from finmodel.assistant.matching.intent_model import (
    ROWS,
    SHIPPED,
    IntentModel,
    features,
    write_model,
)
from finmodel.assistant.matching.ranking import COUNT, Ranker
from finmodel.assistant.matching.situation import Situation, situation_of
from finmodel.assistant.scripts import State, load_scripts
from finmodel.certainty import wilson
from finmodel.clock import china_day
from finmodel.lender.talk.conversations import Written, write
from finmodel.lender.talk.phrasings import Part
from finmodel.lender.talk.softmax_fit import fit_softmax, sparse

CONVERSATIONS: Final = 6_000
FURTHER: Final = 9_000
"""Conversations that also speak in the further families."""
SEED: Final = 8
EPOCHS: Final = 8
_BLENDS: Final = (0.0, 0.1, 0.2, 0.3)
_RIGHT: Final = 0.99
"""What share of confident first scripts must be of the right intent: more than the 98 % that are
promised, since what few families say comes again and again."""


class Lesson(Struct, frozen=True):
    """A situation and the intent of the reply that was sent."""

    situation: Situation
    intent: str
    state: State
    day: date
    family: str


def lessons(written: Written) -> Iterator[Lesson]:
    """Each reply of a conversation.

    The account is the customer's, as a ledger knows it, also where a stranger writes: a
    conversation that leaves it out would tell beforehand that one will.
    """
    one, scripts = written.conversation, load_scripts()
    day = china_day(one.started)
    account = written.customer.account(day)
    for at, reply in enumerate(one.messages):
        if reply.who == "agent":
            before = one.messages[:at]
            said = [message for message in before if message.who == "customer"]
            yield Lesson(
                situation_of(before, reply.identity, account, scripts),
                reply.intent,
                State(reply.identity, account),
                day,
                said[-1].family if said else "",
            )


def taught(
    conversations: int, seed: int, *, split: Part = "train", further: bool = False
) -> list[Lesson]:
    """The lessons of a split, in the further families as well where that is asked."""
    return [
        lesson
        for one in write(conversations, seed, further=further)
        if one.conversation.split == split
        for lesson in lessons(one)
    ]


Judged: TypeAlias = tuple[list[bool], list[bool], list[float]]


def held_back(lesson: Lesson) -> bool:
    """Whether its family is of the tenth that nothing is learnt from."""
    return zlib.crc32(f"held back {lesson.family}".encode()) % 10 == 0


def fit(given: Sequence[Lesson], seed: int) -> IntentModel:
    """Softmax regression over all lessons."""
    intents = tuple(sorted(load_intents()))
    wanted = np.array([intents.index(one.intent) for one in given])
    weights, bias = fit_softmax(_table(given), wanted, len(intents), EPOCHS, seed)
    return IntentModel(intents, weights, bias, blend=0.0, confident=1.0)


def judged(model: IntentModel, given: Sequence[Lesson]) -> Judged:
    """Of each lesson: whether the first intent is right, one of the first three, and the score."""
    ranker = Ranker(load_scripts(), model)
    first, among, scores = [], [], []
    for one in given:
        wanted = ranker.wanted(one.situation, one.state, one.day)
        names = list(wanted)[:COUNT]
        first.append(names[:1] == [one.intent])
        among.append(one.intent in names)
        scores.append(wanted[names[0]] if names else 0.0)
    return first, among, scores


def blended(model: IntentModel, given: Sequence[Lesson]) -> tuple[IntentModel, dict[str, float]]:
    """The model with the part of BM25 that suits lessons it never saw."""
    best, figures = model, {"among_3": -1.0}
    for blend in _BLENDS:
        tried = dataclasses.replace(model, blend=blend)
        first, among, _ = judged(tried, given)
        told = {"blend": blend, "first": float(np.mean(first)), "among_3": float(np.mean(among))}
        sys.stderr.write(f"{json.dumps(told)}\n")
        if told["among_3"] > figures["among_3"]:
            best, figures = tried, told
    return best, figures


def threshold(right: Sequence[bool], scores: Sequence[float]) -> float:
    """The least score from which on surely so many are right as `_RIGHT` says; 1 if there is none.

    The lower end of the interval counts: few that are right are no promise.

    >>> threshold([*[False] * 20, *[True] * 400], [*[0.2] * 20, *[0.9] * 400])
    0.9
    >>> threshold([True], [0.9])
    1.0
    """
    found, rights = 1.0, 0
    ordered = sorted(zip(scores, right, strict=True), reverse=True)
    for count, (score, so) in enumerate(ordered, start=1):
        rights += so
        last = count == len(ordered) or ordered[count][0] < score
        if last and wilson(rights, count)[0] >= _RIGHT:
            found = score
    return found


def _table(given: Sequence[Lesson]) -> csr_matrix:
    told = [features(one.situation) for one in given]
    return sparse([rows for rows, _ in told], [values for _, values in told], ROWS)


def main() -> None:
    """Learn, choose, write, and say on standard output what the held-back families gave."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--conversations", type=int, default=CONVERSATIONS)
    words.add_argument("--further", type=int, default=FURTHER)
    words.add_argument("--into", type=Path, default=SHIPPED)
    told = words.parse_args()
    own = taught(told.conversations, SEED)
    more = taught(told.further, SEED + 1, further=True)
    every = [*own, *more]
    learnt = [one for one in every if not held_back(one)]
    model, figures = blended(fit(learnt, SEED), [one for one in own if held_back(one)])
    whole = dataclasses.replace(fit(every, SEED), blend=model.blend)
    first, _, scores = judged(whole, taught(told.conversations, SEED, split="validation"))
    sure = threshold(first, scores)
    write_model(told.into, dataclasses.replace(whole, confident=sure))
    json.dump(figures | {"confident": sure, "lessons": len(every)}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
