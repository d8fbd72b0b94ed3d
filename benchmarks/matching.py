"""The right approved script among three, and real questions told apart: `finmodel bench matching`.

Held-out conversations of the simulated lender, of families that nothing was learnt from, are read
turn by turn: a turn is right where one of three scripts is the one that was sent, or answers the
same intent of the same customer as closely, since which of those was sent was chance. Beside it
stand BM25 alone, and pairs of real questions where they are at hand (FINMODEL_DATA/afqmc), by words
and by the embeddings of a small base that pip carries (91 MB, brought once).
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _embedded import embedder
from _question_pairs import EMBEDDED, compared, load
from _report import note, print_report

from finmodel.assistant.facts import Facts
from finmodel.assistant.matching.intent_model import load_model
from finmodel.assistant.matching.ranking import Ranked, Ranker
from finmodel.assistant.matching.situation import BESIDE, VERIFY
from finmodel.assistant.scripts import State, load_scripts
from finmodel.certainty import wilson
from finmodel.conversations import Message
from finmodel.lender.talk.conversations import Written, write
from finmodel.lender.talk.intent_weights import Lesson, lessons
from finmodel.settings import Settings

CONVERSATIONS, SEED = 6_000, 1_008


@dataclass(frozen=True, slots=True)
class Turn:
    """A situation of a held-out conversation, and the scripts that were right in it."""

    lesson: Lesson
    right: frozenset[str]
    slots: frozenset[str]


def turns(split: str) -> list[Turn]:
    """Every reply of the conversations of a split."""
    return [
        turn
        for one in write(CONVERSATIONS, SEED)
        if one.conversation.split == split
        for turn in _turns(one)
    ]


def _turns(written: Written) -> list[Turn]:
    one = written.conversation
    replies = [message for message in one.messages if message.who == "agent"]
    known = frozenset(Facts.of_plain(one.facts))
    return [
        Turn(lesson, as_good(reply, State(reply.identity, one.account), lesson, known), known)
        for reply, lesson in zip(replies, lessons(written), strict=True)
    ]


def as_good(reply: Message, state: State, lesson: Lesson, known: frozenset[str]) -> frozenset[str]:
    """The script that was sent, and those that answer the same as closely."""
    scripts = load_scripts()
    sent = scripts[reply.script]
    return frozenset(
        {sent.id, *(one.id for one in scripts.as_good(sent, state, lesson.day, known))}
    )


def read(ranker: Ranker, given: Sequence[Turn]) -> tuple[list[Ranked], list[float]]:
    """What is offered in each turn, and the milliseconds that it took."""
    found, took = [], []
    for turn in given:
        begin = time.perf_counter()
        one = turn.lesson
        found.append(ranker.rank(one.situation, one.state, one.day, turn.slots))
        took.append((time.perf_counter() - begin) * 1e3)
    return found, took


def right(given: Sequence[Turn], found: Sequence[Ranked], count: int) -> list[bool]:
    """Whether one of the first so many offers is right, turn by turn."""
    return [
        any(offer.script.id in turn.right for offer in ranked.offers[:count])
        for turn, ranked in zip(given, found, strict=True)
    ]


def script_figures() -> dict[str, Any]:
    """Shares of turns and milliseconds, of ours and of BM25 alone."""
    model = load_model()
    given = turns("test")
    note(f"{len(given):,} turns of held-out conversations")
    ranker = Ranker(load_scripts(), model)
    read(ranker, given[:50])
    found, took = read(ranker, given)
    words, _ = read(Ranker(load_scripts(), dataclasses.replace(model, blend=1.0)), given)
    three, first = right(given, found, 3), right(given, found, 1)
    sure = [ranked.confident for ranked in found]
    surely = [so for so, is_sure in zip(first, sure, strict=True) if is_sure]
    beside = BESIDE | {VERIFY}
    matters = [
        so for so, turn in zip(three, given, strict=True) if turn.lesson.intent not in beside
    ]
    low, high = wilson(sum(three), len(three))
    return {
        "right_script_at_3": np.mean(three),
        "right_script_at_3_low": low,
        "right_script_at_3_high": high,
        "right_script_at_1": np.mean(first),
        "matters_right_at_3": np.mean(matters),
        "bm25_right_script_at_3": np.mean(right(given, words, 3)),
        "confident_share": np.mean(sure),
        "right_where_confident": np.mean(surely) if surely else None,
        "match_p95_ms": np.percentile(took, 95),
        "match_p50_ms": np.percentile(took, 50),
        "turns": len(given),
    }  # fmt: skip


def pair_figures(here: Settings) -> dict[str, Any]:
    """AUC and accuracy on afqmc's dev part; None where it is not at hand.

    `pairs_embedded` pairs taught by their vectors: none where no base that embeds can be brought.
    """
    folder = here.data / "afqmc"
    if not (folder / "train.txt").is_file():
        note(f"pairs of real questions are skipped: {folder} is not here")
        return {"matching_auc": None}
    train, dev = load(folder / "train.txt"), load(folder / "dev.txt")
    note(f"{len(dev.same):,} pairs of real questions, learnt of {len(train.same):,}")
    embed = embedder(here, note)
    table = compared(train, dev, embed)
    told = {
        f"pairs_{name}_{what}": value for name, one in table.items() for what, value in one.items()
    }
    embedded = min(EMBEDDED, len(train.same)) if embed else 0
    return {"matching_auc": table["ours"]["auc"], "pairs_embedded": embedded, **told}


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    words.parse_args()
    found = {**script_figures(), **pair_figures(Settings.from_env())}
    print_report("matching", {name: _plain(value) for name, value in found.items()})


def _plain(value: Any) -> float | int | None:
    return value if value is None or isinstance(value, int) else float(value)


if __name__ == "__main__":
    main()
